using System.Text;
using Caraway.Advocacy;
using Caraway.Platform.Hosting;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Advocacy;

public sealed class IntakeFileTests : IDisposable
{
    private static readonly Dictionary<string, string> NoMap = new(StringComparer.Ordinal);

    private readonly DirectoryInfo folder = TemporaryFolder.Create();

    public void Dispose() => folder.Delete(recursive: true);

    [Theory]
    [InlineData("full_name,narrative\nA,b\nC,d\n", "2 3")]
    [InlineData("full_name,narrative\r\n\r\nA,b\r\n\r\nC,d", "3 5")]
    [InlineData("full_name,narrative\nA,\"b\nb\n\nb\"\nC,d\n", "2 6")]
    [InlineData("\uFEFFfull_name;narrative\nA;b\nC;d\n", "2 3")]
    [InlineData("full_name\tnarrative\nA\tb,c\n", "2")]
    [InlineData("\"full_name\"|\"narrative\"|\"a,b,c,d\"\nA|b|c\n", "2")]
    public void Each_row_has_the_line_on_which_it_begins(string text, string lines)
    {
        var rows = Read(text);

        Assert.All(rows, row => Assert.Empty(row.Faults));
        Assert.Equal(lines, string.Join(' ', rows.Select(row => row.Line)));
    }

    [Theory]
    [InlineData("A,b\"b\n", 2)]
    [InlineData("A,\"b\" b\n", 2)]
    [InlineData("C,d\nA, \"b\"\n", 3)]
    [InlineData("C,d\nA,\"b\n", 3)]
    public void A_quote_that_RFC_4180_does_not_allow_is_a_fault_of_its_row(string text, int line)
    {
        var rows = Read("full_name,narrative\n" + text);

        Assert.Equal(
            [(line, "A quote is in a place where RFC 4180 does not allow one.")],
            rows.Where(row => row.Faults.Count > 0).Select(row => (row.Line, Assert.Single(row.Faults))));
    }

    [Theory]
    [InlineData(1_000_000, false)]
    [InlineData(1_000_001, true)]
    [InlineData(5_000_000, true)]
    public void A_value_of_more_than_a_million_characters_stops_the_reading(int length, bool stops)
    {
        var text = $"full_name,narrative\nA,b\nC,\"{new string('x', length)}\"\nE,f\n";

        if (!stops)
        {
            Assert.Equal("narrative: This must have at most 20,000 characters.", Assert.Single(Read(text)[1].Faults));
            return;
        }

        var refusal = Assert.Throws<CommandException>(() => Read(text));
        Assert.Equal(ExitCode.BadInput, refusal.ExitCode);
        const string reason = "the row on line 3 has a value of over 1,000,000 characters; a quote may be missing.";
        Assert.EndsWith(reason, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_quote_in_a_large_file_is_named_by_its_line()
    {
        var text = "full_name,narrative\nA,b\nC,\"d\n" + string.Concat(Enumerable.Repeat("E,f\n", 2_000_000));

        var refusal = Assert.Throws<CommandException>(() => Read(text));

        Assert.Contains("the row on line 3 has a value of over 1,000,000 characters", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_byte_that_is_not_UTF8_stops_the_reading()
    {
        var path = Path.Combine(folder.FullName, "latin.csv");
        var rows = string.Concat(Enumerable.Repeat("A,b\n", 50_000));
        File.WriteAllBytes(path, [.. Encoding.ASCII.GetBytes("full_name,narrative\n" + rows), 0xEB, .. ",x\n"u8]);

        var refusal = Assert.Throws<CommandException>(() => IntakeFile.Open(path, NoMap).Read().ToList());

        Assert.StartsWith($"{path} is not UTF-8 text (after line ", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_changes_during_the_reading_is_refused()
    {
        var path = Write("full_name,narrative\nA,b\n");
        var file = IntakeFile.Open(path, NoMap);
        File.AppendAllText(path, "C,d\n");

        Assert.StartsWith(path, Assert.Throws<CommandException>(() => file.Read().ToList()).Message, StringComparison.Ordinal);
    }

    private List<IntakeFile.Row> Read(string text) => [.. IntakeFile.Open(Write(text), NoMap).Read()];

    private string Write(string text)
    {
        var path = Path.Combine(folder.FullName, "intakes.csv");
        File.WriteAllText(path, text);
        return path;
    }
}
