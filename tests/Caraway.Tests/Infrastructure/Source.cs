namespace Caraway.Tests.Infrastructure;

/// <summary>The product's source, for tests that scan it.</summary>
internal static class Source
{
    /// <summary>The C# files of src, by their path below <c>src/Caraway</c>.</summary>
    public static IReadOnlyDictionary<string, string> Files { get; } = Read();

    /// <summary>Folders beside the platform's: the modules.</summary>
    public static IReadOnlyList<string> Modules { get; } =
        [.. Files.Keys.Where(path => path.EndsWith("Module.cs", StringComparison.Ordinal)).Select(path => path.Split('/')[0]).Distinct(StringComparer.Ordinal)];

    private static SortedDictionary<string, string> Read()
    {
        var root = Path.Combine(Checkout.Root, "src", "Caraway");
        var files = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var file in Directory.EnumerateFiles(root, "*.cs", SearchOption.AllDirectories))
        {
            var path = Path.GetRelativePath(root, file);
            if (!path.StartsWith("obj/", StringComparison.Ordinal) && !path.StartsWith("bin/", StringComparison.Ordinal))
                files[path] = File.ReadAllText(file);
        }

        return files;
    }
}
