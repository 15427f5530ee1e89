namespace Caraway.Tests.Infrastructure;

/// <summary>The folder of the clone that these tests were built from.</summary>
internal static class Checkout
{
    public static string Root { get; } = Find(AppContext.BaseDirectory);

    private static string Find(string folder) =>
        File.Exists(Path.Combine(folder, "Caraway.slnx"))
            ? folder
            : Find(Path.GetDirectoryName(folder.TrimEnd('/')) ?? throw new InvalidOperationException("The tests run outside a checkout."));
}
