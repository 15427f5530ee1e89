using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.RegularExpressions;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;

namespace Caraway.Support;

/// <summary>A template of cases: fields that a new case gets where its request leaves them out.</summary>
internal static partial class CaseTemplate
{
    /// <param name="IsGlobal">Everybody may use the template; administrators change it.</param>
    public sealed record Response(
        long Id,
        string Name,
        string? Title,
        string Description,
        [property: SeverityWord] string? Severity,
        [property: CategoryWord] string? Category,
        IReadOnlyList<string> Tags,
        IReadOnlyList<string> Checklist,
        bool IsGlobal,
        DateTime CreatedAt,
        DateTime UpdatedAt);

    /// <summary>A row of <see cref="Columns"/>.</summary>
    internal sealed record Row
    {
        public long Id { get; init; }

        public string? Owner { get; init; }

        public string Name { get; init; } = "";

        public string? Title { get; init; }

        public string Description { get; init; } = "";

        public string? Severity { get; init; }

        public string? Category { get; init; }

        public string[] Tags { get; init; } = [];

        public string[] Checklist { get; init; } = [];

        public long Version { get; init; }

        public DateTime CreatedAt { get; init; }

        public DateTime UpdatedAt { get; init; }

        public Response ToResponse() =>
            new(Id, Name, Title, Description, Severity, Category, Tags, Checklist, Owner is null, CreatedAt, UpdatedAt);

        public Tagged<Response> ToAnswer() => new(ETag.Create(Version), ToResponse());

        /// <summary>Fills in what the draft leaves out. Tags of both are joined.</summary>
        /// <param name="user">The name for <c>{{user}}</c>.</param>
        /// <param name="now">UTC; its date is <c>{{date}}</c>.</param>
        public CaseDraft Complete(CaseDraft draft, string user, DateTime now)
        {
            string[] tags = [.. Tags.Concat(draft.Tags ?? []).Distinct(StringComparer.Ordinal)];
            var (title, description) = (draft.Title ?? Fill(Title, user, now), draft.Description ?? Fill(Description, user, now));
            var metadata = WithChecklist(draft.Metadata);
            return draft with
            {
                Title = title,
                Description = description,
                Severity = draft.Severity ?? Severity,
                Category = draft.Category ?? Category,
                Tags = tags,
                Metadata = metadata,
                Fault = FindFault(tags, title, description, metadata),
            };
        }

        private static ProblemError? FindFault(string[] tags, string? title, string? description, JsonElement? metadata)
        {
            if (tags.Length > CaseLimits.Tags)
                return new ProblemError("#/tags", "Together with those of the template, there are over 50 tags.");
            if (IsTooLong(title, CaseLimits.Title) || IsTooLong(description, CaseLimits.Description))
                return new ProblemError("#/template_id", "The template's title or description is too long when it is filled in.");
            return metadata is { } json && FreeFormJson.FindFault(json, CaseLimits.MetadataBytes) is not null
                ? new ProblemError("#/metadata", "Together with the template's checklist, this has more than 32 KiB.")
                : null;
        }

        private JsonElement? WithChecklist(JsonElement? metadata)
        {
            if (Checklist.Length == 0 || (metadata is { } given && given.TryGetProperty("checklist", out _)))
                return metadata;
            using var memory = new MemoryStream();
            using (var writer = new Utf8JsonWriter(memory, AsSent))
            {
                writer.WriteStartObject();
                if (metadata is { } own)
                {
                    foreach (var property in own.EnumerateObject())
                        property.WriteTo(writer);
                }

                writer.WriteStartArray("checklist");
                foreach (var item in Checklist)
                {
                    writer.WriteStartObject();
                    writer.WriteString("text", item);
                    writer.WriteBoolean("done", false);
                    writer.WriteEndObject();
                }

                writer.WriteEndArray();
                writer.WriteEndObject();
            }

            using var json = JsonDocument.Parse(memory.ToArray());
            return json.RootElement.Clone();
        }
    }

    /// <summary>Escapes only what JSON must, so that the metadata does not grow.</summary>
    private static readonly JsonWriterOptions AsSent = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Of a template <c>t</c>.</summary>
    internal const string Columns =
        "t.id, t.owner, t.name, t.title, t.description, t.severity, t.category, t.tags, t.checklist, t.version, t.created_at, t.updated_at";

    /// <summary>A condition on a template <c>t</c>: the caller may use it.</summary>
    internal const string Sees = "(t.owner is null or t.owner = any(@Me))";

    /// <summary>A condition on a template <c>t</c>: the caller may change it.</summary>
    internal const string MayChange = "(t.owner = any(@Me) or (t.owner is null and @Owns))";

    internal const string Select = $"select {Columns} from support.case_templates t where t.id = @id and {Sees}";

    internal static Refusal NotFound { get; } = Refusal.NotFound(ProblemCodes.TemplateNotFound, "Template not found");

    internal static Refusal NotYours { get; } = Refusal.Forbidden("Only an administrator can make or change a global template.");

    internal static Refusal NameUsed { get; } =
        Refusal.Conflict(ProblemCodes.TemplateNameUsed, "Another template has this name. Choose another name.");

    internal static Task<Row?> Find(long id, SupportScope scope, Database database, CancellationToken cancel) =>
        database.First<Row>(Select, new { id, scope.Me }, cancel);

    /// <summary>The two fields that are filled in, in one pass: a name that looks like a field stays text.</summary>
    [GeneratedRegex(@"\{\{(?<field>user|date)\}\}", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Field { get; }

    private static string? Fill(string? text, string user, DateTime now) => text is null
        ? null
        : Field.Replace(
            text,
            match => match.Groups["field"].Value == "user" ? user : now.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture));

    private static bool IsTooLong(string? text, int longest) => text is not null && Characters.Count(text) > longest;
}
