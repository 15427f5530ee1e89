using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Net.Mail;
using System.Text.RegularExpressions;

namespace Caraway.Platform.Http;

/// <summary>An attribute that bounds a text's length, in characters (Unicode code points, as PostgreSQL counts them).</summary>
internal interface ITextBounds
{
    int Shortest { get; }

    int Longest { get; }
}

/// <summary>Text of 1 to <see cref="Longest"/> characters. Null is left to <see cref="NeededAttribute"/>.</summary>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Parameter)]
internal sealed class TextAttribute(int max) : ValidationAttribute, ITextBounds
{
    public int Shortest => AllowEmpty ? 0 : 1;

    public int Longest { get; } = max;

    public bool AllowEmpty { get; init; }

    /// <summary>Whether a text of white space alone is valid.</summary>
    public bool AllowBlank { get; init; }

    /// <summary>Whether white space at both ends does not count, because the use case removes it.</summary>
    public bool IsTrimmed { get; init; }

    /// <summary>Whether the text must satisfy <see cref="Characters.IsOneLine"/>.</summary>
    public bool SingleLine { get; init; }

    public override bool IsValid(object? value)
    {
        if (value is not string text)
            return true;
        ErrorMessage = Complaint(text);
        return ErrorMessage is null;
    }

    protected override ValidationResult? IsValid(object? value, ValidationContext validationContext) =>
        value is string text && Complaint(text) is { } sentence
            ? new ValidationResult(sentence, [validationContext.MemberName ?? ""])
            : ValidationResult.Success;

    private string? Complaint(string text)
    {
        if (text.Length == 0)
            return AllowEmpty ? null : "This must not be empty.";
        if (!AllowBlank && string.IsNullOrWhiteSpace(text))
            return "This must not be white space only.";
        if (SingleLine && !Characters.IsOneLine(text))
            return "This must not have control characters.";
        return Characters.Count(IsTrimmed ? text.Trim() : text) > Longest
            ? string.Create(CultureInfo.InvariantCulture, $"This must have at most {Longest:#,0} characters.")
            : null;
    }
}

internal static class Characters
{
    /// <summary>
    /// Whether the text has neither control characters nor characters that change the direction of the text after them (UAX #9), with which
    /// one name can look like another.
    /// </summary>
    public static bool IsOneLine(string text) =>
        !text.Any(c => char.IsControl(c) || c is (>= '\u202a' and <= '\u202e') or (>= '\u2066' and <= '\u2069') or '\u2028' or '\u2029');

    /// <summary>Counts code points, as PostgreSQL's <c>char_length</c> does.</summary>
    public static int Count(string text)
    {
        var pairs = 0;
        foreach (var unit in text)
        {
            if (char.IsLowSurrogate(unit))
                pairs++;
        }

        return text.Length - pairs;
    }
}

/// <summary>
/// An e-mail address (RFC 5321, without comments, quotes and address literals): at most 320 characters, a domain with a dot.
/// </summary>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Parameter)]
internal sealed partial class EmailAttribute : ValidationAttribute, ITextBounds
{
    public int Shortest => AllowEmpty ? 0 : 3;

    public int Longest => 320;

    public bool AllowEmpty { get; init; }

    /// <summary>Letters, digits and the signs that RFC 5321 allows in a local part without quotes.</summary>
    private const string Atom = @"[\p{L}\p{N}!#$%&'*+/=?^_`{|}~-]+";

    /// <summary>A label of a domain, at most 63 characters long, without a hyphen at either end.</summary>
    private const string Label = @"[\p{L}\p{N}]([\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?";

    private const string LastLabel = @"[\p{L}][\p{L}\p{N}-]{0,61}[\p{L}\p{N}]";

    private const string Address = @"^(?=.{3,320}$)(?=[^@]{1,64}@)" + Atom + @"(\." + Atom + @")*@(" + Label + @"\.)+" + LastLabel + "$";

    [GeneratedRegex(Address, RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Form { get; }

    /// <summary>The address as it is stored: the domain in lower case, the local part as given.</summary>
    public static string Normalize(string address)
    {
        var at = address.LastIndexOf('@');
        return string.Concat(address.AsSpan(0, at + 1), address[(at + 1)..].ToLowerInvariant());
    }

    public override bool IsValid(object? value) =>
        value is not string address
        || (AllowEmpty && address.Length == 0)
        || (Form.IsMatch(address) && MailAddress.TryCreate(address, out _));

    protected override ValidationResult? IsValid(object? value, ValidationContext validationContext) =>
        IsValid(value)
            ? ValidationResult.Success
            : new ValidationResult("This must be an e-mail address such as name@example.com.", [validationContext.MemberName ?? ""]);
}

/// <summary>Refuses null and an absent member. (The framework's own attribute names the C# property to the caller.)</summary>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Parameter)]
internal sealed class NeededAttribute : RequiredAttribute
{
    public NeededAttribute()
    {
        AllowEmptyStrings = true;
        ErrorMessage = "This is required.";
    }
}
