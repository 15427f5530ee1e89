using System.Text.Json;
using Caraway.Platform.Http;

namespace Caraway.Support.Files;

/// <summary>The values of a row as the file has them, with a fault for each that has the wrong form.</summary>
internal sealed class CaseValues(long line, string pointer)
{
    private const string NotText = "This must be text.";
    private const string NotTime = "This must be a time such as 2026-01-31T08:15:30Z.";
    private const string Twice = "The row has this name twice.";
    private const string NotTexts = "This must be a list of texts.";
    private const string NotObject = "This must be a JSON object.";
    private const string HasNul = "This has the character U+0000, which cannot be kept.";
    private const string HasHalf = "This has half of a surrogate pair, which is no character.";

    private readonly Dictionary<string, string> texts = new(StringComparer.Ordinal);
    private readonly Dictionary<string, DateTime> times = new(StringComparer.Ordinal);
    private readonly HashSet<string> names = new(StringComparer.Ordinal);

    public List<ProblemError> Faults { get; } = [];

    /// <summary>An object that can be stored; null when the row has none.</summary>
    public string? Metadata { get; private set; }

    public string[]? Tags { get; private set; }

    public string? Text(string column) => texts.GetValueOrDefault(column);

    public DateTime? Time(string column) => times.TryGetValue(column, out var time) ? time : null;

    public void Blame(string column, string sentence) =>
        Faults.Add(new ProblemError($"{pointer}/{Escape(column)}", sentence) { Line = line });

    /// <summary>Takes back the faults of columns that do not count.</summary>
    public void Ignore(IReadOnlyList<string> columns) =>
        Faults.RemoveAll(fault => columns.Any(column => fault.Pointer == $"{pointer}/{column}" && fault.Detail != Twice));

    /// <summary>Takes a member of a JSON object.</summary>
    public void Add(JsonProperty member)
    {
        if (NameOf(member) is not { } name)
            Faults.Add(new ProblemError(pointer, "A name has half of a surrogate pair, which is no character.") { Line = line });
        else if (!CaseColumns.All.Contains(name, StringComparer.Ordinal))
            Blame(name, Unknown);
        else if (!names.Add(name))
            Blame(name, Twice);
        else if (member.Value.ValueKind != JsonValueKind.Null)
            Take(name, member.Value);
    }

    /// <summary>
    /// Takes a cell of a CSV file, whose column is known. CSV cannot tell an empty text from an absent one: empty means absent.
    /// </summary>
    public void Add(string column, string cell)
    {
        if (cell.Length == 0)
            return;
        var text = CaseCell.Unguard(cell);
        if (text.Contains('\0', StringComparison.Ordinal))
            Blame(column, HasNul);
        else if (column is CaseColumns.Metadata or CaseColumns.Tags)
            TakeJson(column, text);
        else
            TakeText(column, text);
    }

    /// <summary>The sentence about a name that no column has. A name that is ignored would be data that are lost.</summary>
    public static string Unknown { get; } = $"This name is not known. The names are {string.Join(", ", CaseColumns.All)}.";

    private void TakeJson(string column, string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            Take(column, document.RootElement);
        }
        catch (JsonException)
        {
            Blame(column, column == CaseColumns.Metadata ? NotObject : NotTexts);
        }
    }

    private void Take(string name, JsonElement value)
    {
        if (name == CaseColumns.Metadata)
        {
            if (FreeFormJson.FindFault(value, CaseLimits.MetadataBytes) is { } fault)
                Blame(name, fault);
            else
                Metadata = value.GetRawText();
        }
        else if (name == CaseColumns.Tags)
        {
            TakeTags(value);
        }
        else if (value.ValueKind != JsonValueKind.String)
        {
            Blame(name, IsTime(name) ? NotTime : NotText);
        }
        else if (ReadText(name, value) is { } text)
        {
            TakeText(name, text);
        }
    }

    private void TakeTags(JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Array || value.EnumerateArray().Any(item => item.ValueKind != JsonValueKind.String))
        {
            Blame(CaseColumns.Tags, NotTexts);
            return;
        }

        string?[] tags = [.. value.EnumerateArray().Select(item => ReadText(CaseColumns.Tags, item))];
        if (!tags.Contains(null))
            Tags = tags!;
    }

    private void TakeText(string column, string text)
    {
        if (!IsTime(column))
            texts.Add(column, text);
        else if (TimeText.TryParse(text, out var utc) && TimeText.IsGiven(utc))
            times.Add(column, new DateTime(utc.Ticks - utc.Ticks % TimeSpan.TicksPerMicrosecond, DateTimeKind.Utc));
        else
            Blame(column, NotTime);
    }

    /// <returns>Null when the name has half of a surrogate pair.</returns>
    private static string? NameOf(JsonProperty member)
    {
        try
        {
            return member.Name;
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    /// <returns>Null when the text cannot be kept; then it is a fault.</returns>
    private string? ReadText(string column, JsonElement value)
    {
        try
        {
            var text = value.GetString()!;
            if (!text.Contains('\0', StringComparison.Ordinal))
                return text;
            Blame(column, HasNul);
        }
        catch (InvalidOperationException)
        {
            Blame(column, HasHalf);
        }

        return null;
    }

    private static bool IsTime(string column) => column is CaseColumns.CreatedAt or CaseColumns.UpdatedAt or CaseColumns.ResolvedAt;

    /// <summary>A part of a JSON pointer (RFC 6901, section 3). A name of any length could come from the file.</summary>
    private static string Escape(string name)
    {
        const int longest = 64;
        var shown = name.Length <= longest ? name : name[..longest] + "…";
        return shown.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal);
    }
}
