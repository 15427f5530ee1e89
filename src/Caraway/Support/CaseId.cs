using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;
using Caraway.Platform.Http;

namespace Caraway.Support;

/// <summary>
/// The id of a support case: <c>case_</c> and 12 lower-case hex digits, stored as their 48-bit number. Text in a path that cannot be an id
/// becomes <see cref="None"/>, which no row has, so that the use case answers with its own 404.
/// </summary>
/// <param name="Value">0 to 2^48 - 1; -1 in <see cref="None"/>.</param>
/// <param name="Text">The text as the caller sent it, for the sentence of a 404.</param>
public readonly record struct CaseId(long Value, string Text) : IParsable<CaseId>, ITextId
{
    private const string Prefix = "case_";
    private const int Digits = 12;

    /// <summary>A longer text is cut in the sentence of a 404.</summary>
    private const int LongestText = 64;

    public static CaseId None(string text)
    {
        if (text.Length <= LongestText)
            return new CaseId(-1, text);
        var isCutInside = char.IsHighSurrogate(text[LongestText - 1]);
        return new CaseId(-1, text[..(isCutInside ? LongestText - 1 : LongestText)] + "…");
    }

    public static CaseId Create()
    {
        Span<byte> bits = stackalloc byte[8];
        RandomNumberGenerator.Fill(bits[2..]);
        return From(System.Buffers.Binary.BinaryPrimitives.ReadInt64BigEndian(bits));
    }

    public static CaseId From(long value) => new(value, Write(value));

    public static string Write(long value) => string.Create(CultureInfo.InvariantCulture, $"{Prefix}{value:x12}");

    /// <summary>Whether the text has the exact form of an id.</summary>
    public static bool TryRead(string? text, out long value)
    {
        value = -1;
        return text?.Length == Prefix.Length + Digits
            && text.StartsWith(Prefix, StringComparison.Ordinal)
            && !text.AsSpan(Prefix.Length).ContainsAnyExcept("0123456789abcdef")
            && long.TryParse(text.AsSpan(Prefix.Length), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);
    }

    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out CaseId result)
    {
        result = TryRead(s, out var value) ? new CaseId(value, s!) : None(s ?? "");
        return true;
    }

    public static CaseId Parse(string s, IFormatProvider? provider) => TryParse(s, provider, out var id) ? id : None(s);

    public override string ToString() => Text;
}
