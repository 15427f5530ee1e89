using System.Reflection;

namespace Caraway.Platform.Hosting;

/// <summary>The program's version (Semantic Versioning), as <c>/health</c>, the metrics and the OpenAPI document show it.</summary>
internal static class ProgramVersion
{
    public static string Text { get; } =
        typeof(ProgramVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";
}
