using System.Text;
using Caraway.Platform.Http;

namespace Caraway.Platform.Audit;

/// <summary>Reads the header <c>X-Access-Reason</c>.</summary>
internal static class AccessReason
{
    public const int MaxLength = 500;

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <param name="header">The header's bytes, a character for each byte, as Kestrel passes them on.</param>
    /// <param name="reason">Null when the header is blank.</param>
    /// <returns>False when the reason is too long or has control characters.</returns>
    public static bool TryRead(string header, out string? reason)
    {
        var text = Decode(header);
        var isValid = Characters.Count(text) <= MaxLength && Characters.IsOneLine(text);
        reason = !isValid || string.IsNullOrWhiteSpace(text) ? null : text.Trim();
        return isValid;
    }

    private static string Decode(string header)
    {
        if (Ascii.IsValid(header))
            return header;
        try
        {
            return StrictUtf8.GetString(Encoding.Latin1.GetBytes(header));
        }
        catch (DecoderFallbackException)
        {
            return header;
        }
    }
}
