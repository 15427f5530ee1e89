using System.Text.RegularExpressions;

namespace Caraway.Tests.Architecture;

/// <summary>
/// The folders of the platform stand on each other like floors: a folder names only those below it (docs/architecture.md).
/// </summary>
public sealed class FloorTests
{
    /// <summary>From the ground up.</summary>
    private static readonly string[] Floors =
        ["Hosting", "Postgres", "Telemetry", "Security", "Http", "Events", "Jobs", "Audit", "Workflows", "Analytics", "Search", "Desk"];

    [Fact]
    public void Every_file_of_the_platform_stands_on_a_floor()
    {
        var files = Sources.Of("Platform");

        Assert.True(files.Count > 60, $"Only {files.Count} files were found.");
        Assert.All(files, file => Assert.Contains(FolderOf(file), Floors));
    }

    [Fact]
    public void The_scan_sees_a_floor_that_is_named()
    {
        Assert.Equal(["Events"], Named("using Caraway.Platform.Events;"));
        Assert.Equal(["Http"], Named("var x = Http.Refusal.Stale();"));
        Assert.Equal(["Audit"], Named("Platform.Audit.AccessLog log;"));
        Assert.Empty(Named("caller.Events.Count; HttpContext x; // Jobs.Worker does it"));
    }

    [Fact]
    public void A_floor_names_only_those_below_it() =>
        Assert.Empty(
            from file in Sources.Of("Platform")
            from named in Named(file.Code)
            where Array.IndexOf(Floors, named) > Array.IndexOf(Floors, FolderOf(file))
            select $"{file.Name} names {named}");

    /// <summary>docs/architecture.md draws them, the highest first.</summary>
    [Fact]
    public void The_architecture_document_lists_the_floors_in_this_order()
    {
        var text = Sources.Document("architecture.md");
        var there = Floors.Where(floor => Directory.Exists(Path.Combine(Sources.Product, "Platform", floor))).Reverse().ToList();

        var drawn = Regex.Matches(text, @"^\| `Platform/(?<floor>\w+)/` \|", RegexOptions.Multiline, TimeSpan.FromSeconds(5))
            .Select(row => row.Groups["floor"].Value);

        Assert.Equal(there, drawn);
    }

    private static string FolderOf(SourceFile file) => file.Name.Split('/')[1];

    private static IEnumerable<string> Named(string code) =>
        Regex.Matches(
                Sources.Comment.Replace(code, ""),
                $@"(?:(?<![\w.])|Platform\.)(?<floor>{string.Join('|', Floors)})(?=\.[A-Z]|;)",
                RegexOptions.None,
                TimeSpan.FromSeconds(5))
            .Select(match => match.Groups["floor"].Value)
            .Distinct(StringComparer.Ordinal);
}
