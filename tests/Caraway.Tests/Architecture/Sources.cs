using Caraway.Tests.Infrastructure;
using System.Text.RegularExpressions;

namespace Caraway.Tests.Architecture;

/// <summary>The product's source files, found from the test program upwards.</summary>
internal static partial class Sources
{
    private static readonly string[] NoModules = ["Platform", "Commands", "Migrations", "bin", "obj"];

    public static string Product => Path.Combine(Checkout.Root, "src", "Caraway");

    /// <summary>The folders beside Platform, Commands and Migrations.</summary>
    public static string[] Modules { get; } =
        [.. Directory.EnumerateDirectories(Product)
            .Select(folder => Path.GetFileName(folder))
            .Except(NoModules, StringComparer.Ordinal)
            .Order(StringComparer.Ordinal)];

    /// <summary>All C# files below a folder of the product, without what builds leave there. Never none.</summary>
    public static IReadOnlyList<SourceFile> Of(params string[] folders)
    {
        var start = Path.Combine([Product, .. folders]);
        var files = Directory.EnumerateFiles(start, "*.cs", SearchOption.AllDirectories)
            .Select(path => (Path: path, Name: Path.GetRelativePath(Product, path)))
            .Where(
                file => !file.Name.StartsWith("bin/", StringComparison.Ordinal) && !file.Name.StartsWith("obj/", StringComparison.Ordinal))
            .Select(file => new SourceFile(file.Name, File.ReadAllText(file.Path)))
            .ToList();
        Assert.True(files.Count > 0, $"There is no C# file in {string.Join('/', folders)}.");
        return files;
    }

    public static string Document(string name)
    {
        var path = Path.Combine(Checkout.Root, "docs", name);
        Assert.True(File.Exists(path), $"docs/{name} is missing.");
        return File.ReadAllText(path);
    }

    [GeneratedRegex(@"(?<=^|\s)//.*$", RegexOptions.Multiline, 5000)]
    internal static partial Regex Comment { get; }
}

/// <param name="Name">Its path in the product's folder.</param>
internal sealed record SourceFile(string Name, string Text)
{
    /// <summary>The text without line comments.</summary>
    public string Code { get; } = Sources.Comment.Replace(Text, "");
}
