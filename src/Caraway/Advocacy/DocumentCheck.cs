using System.Collections.Frozen;

namespace Caraway.Advocacy;

/// <summary>The result of processing a document.</summary>
/// <param name="Extension">The name's extension in lower case, without the dot; null when the name has no extension.</param>
/// <param name="ContentType">The media type in lower case, without parameters: the stated one, or that of the extension.</param>
/// <param name="Problem">The reason for a rejection, as a sentence for people; null when the document is accepted.</param>
public sealed record DocumentFindings(string? Extension, string? ContentType, string? Problem);

/// <summary>
/// Checks that a document's name and content type agree. The check is pure; steps that need the bytes, such as a virus scan, belong into
/// <see cref="ProcessDocument"/> and add to the findings.
/// </summary>
internal static class DocumentCheck
{
    /// <summary>The accepted extensions with their media types (IANA's registry), the usual one first.</summary>
    private static readonly FrozenDictionary<string, string[]> Types = new Dictionary<string, string[]>(StringComparer.Ordinal)
    {
        ["pdf"] = ["application/pdf"],
        ["txt"] = ["text/plain"],
        ["md"] = ["text/markdown", "text/plain"],
        ["csv"] = ["text/csv", "text/plain"],
        ["rtf"] = ["application/rtf", "text/rtf"],
        ["json"] = ["application/json", "text/plain"],
        ["xml"] = ["application/xml", "text/xml"],
        ["doc"] = ["application/msword"],
        ["docx"] = ["application/vnd.openxmlformats-officedocument.wordprocessingml.document"],
        ["xls"] = ["application/vnd.ms-excel"],
        ["xlsx"] = ["application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"],
        ["odt"] = ["application/vnd.oasis.opendocument.text"],
        ["ods"] = ["application/vnd.oasis.opendocument.spreadsheet"],
        ["jpg"] = ["image/jpeg"],
        ["jpeg"] = ["image/jpeg"],
        ["png"] = ["image/png"],
        ["gif"] = ["image/gif"],
        ["tif"] = ["image/tiff"],
        ["tiff"] = ["image/tiff"],
        ["heic"] = ["image/heic"],
        ["webp"] = ["image/webp"],
        ["dcm"] = ["application/dicom"],
        ["eml"] = ["message/rfc822"],
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>The type of bytes of an unknown kind (RFC 2046, section 4.5.1). It fits every extension.</summary>
    private const string Unknown = "application/octet-stream";

    public static DocumentFindings Inspect(string filename, string? stated)
    {
        var dot = filename.LastIndexOf('.');
        var extension = dot > 0 && dot < filename.Length - 1 ? filename[(dot + 1)..].ToLowerInvariant() : null;
        var type = stated?.Split(';')[0].Trim().ToLowerInvariant() is { Length: > 0 } named ? named : null;
        if (extension is null)
            return new(null, type, "The file's name has no extension, so its kind cannot be told.");
        if (!Types.TryGetValue(extension, out var fitting))
            return new(extension, type, $"Files of the kind .{Shortened(extension)} are not accepted.");
        if (type is null or Unknown)
            return new(extension, fitting[0], null);
        return fitting.Contains(type, StringComparer.Ordinal)
            ? new(extension, type, null)
            : new(
                extension,
                type,
                $"The file's name says .{extension}, but its content type says {Shortened(type)}. One of the two is wrong.");
    }

    private static string Shortened(string text) => text.Length <= 40 ? text : text[..40] + "…";
}
