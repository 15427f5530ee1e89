using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Architecture;

/// <summary>Limits that keep the source readable: lines of a file, and columns of a line.</summary>
public sealed class LayoutTests
{
    private const int MaxLines = 250;

    private const int MaxColumns = 140;

    /// <summary>What builds leave there.</summary>
    private static readonly string[] Built = ["bin", "obj"];

    [Fact]
    public void A_file_of_the_product_has_at_most_250_lines()
    {
        var files = Read("src");
        Assert.True(files.Count > 150, $"Only {files.Count} files were found.");

        Assert.Empty(files.Where(file => file.Lines.Length > MaxLines).Select(file => $"{file.Name} has {file.Lines.Length} lines"));
    }

    [Theory]
    [InlineData("src", 150)]
    [InlineData("tests", 80)]
    public void A_line_has_at_most_140_columns(string folder, int fewestFiles)
    {
        var files = Read(folder);
        Assert.True(files.Count > fewestFiles, $"Only {files.Count} files were found.");

        var tooLong = files.SelectMany(TooLong).ToList();
        Assert.True(tooLong.Count == 0, string.Join('\n', tooLong));
    }

    [Fact]
    public void The_scan_sees_a_long_line()
    {
        var longest = new string('x', MaxColumns);

        Assert.Equal(["A.cs:2 has 141 columns"], TooLong(("A.cs", [longest, longest + "x", "    [InlineData(" + longest])));
    }

    private static List<(string Name, string[] Lines)> Read(string folder) =>
        [.. Directory.EnumerateFiles(Path.Combine(Checkout.Root, folder), "*.cs", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(Checkout.Root, path))
            .Where(name => !name.Split('/').Intersect(Built, StringComparer.Ordinal).Any())
            .Select(name => (name, File.ReadAllLines(Path.Combine(Checkout.Root, name))))];

    /// <summary>A row of test data stays on one line.</summary>
    private static IEnumerable<string> TooLong((string Name, string[] Lines) file) =>
        file.Lines.Index()
            .Where(line => line.Item.Length > MaxColumns && !line.Item.TrimStart().StartsWith("[InlineData(", StringComparison.Ordinal))
            .Select(line => $"{file.Name}:{line.Index + 1} has {line.Item.Length} columns");
}
