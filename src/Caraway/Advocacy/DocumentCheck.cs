using System.Collections.Frozen;

namespace Caraway.Advocacy;

/// <summary>What processing found.</summary>
/// <param name="Extension">Of the name, in lower case, without the dot; null when it has none.</param>
/// <param name="ContentType">The media type without its parameters, in lower case: the stated one, else the extension's.</param>
/// <param name="Problem">Why the document cannot be accepted, as a sentence for people; null when it can.</param>
public sealed record DocumentFindings(string? Extension, string? ContentType, string? Problem);

/// <summary>
/// Whether a document's name and content type agree: pure, and the seam for what comes with uploads of bytes. Virus scan and text
/// extraction will stand beside this in <see cref="ProcessDocument"/>, each a step that adds to the findings.
/// </summary>
internal static class DocumentCheck
{
    /// <summary>Extensions with the media types that they may have (IANA's registry), the usual one first.</summary>
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

    /// <summary>What a store says of bytes that it knows nothing about (RFC 2046, section 4.5.1): it contradicts no extension.</summary>
    private const string Unknown = "application/octet-stream";

    public static DocumentFindings Inspect(string filename, string? stated)
    {
        var dot = filename.LastIndexOf('.');
        var extension = dot > 0 && dot < filename.Length - 1 ? filename[(dot + 1)..].ToLowerInvariant() : null;
        var type = stated?.Split(';')[0].Trim().ToLowerInvariant() is { Length: > 0 } named ? named : null;
        if (extension is null)
            return new(null, type, "The file's name has no extension, so its kind cannot be told.");
        if (!Types.TryGetValue(extension, out var fitting))
            return new(extension, type, $"Files of the kind .{Shown(extension)} are not accepted.");
        if (type is null or Unknown)
            return new(extension, fitting[0], null);
        return fitting.Contains(type, StringComparer.Ordinal)
            ? new(extension, type, null)
            : new(extension, type, $"The file's name says .{extension}, but its content type says {Shown(type)}. One of the two is wrong.");
    }

    private static string Shown(string text) => text.Length <= 40 ? text : text[..40] + "…";
}
