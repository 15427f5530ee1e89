using System.ComponentModel.DataAnnotations;
using Caraway.Identity.Contracts;
using Caraway.Platform.Events;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;

namespace Caraway.Support;

/// <summary>
/// <c>PUT</c> and <c>DELETE /api/v1/case-templates/{id}</c>. A change keeps what it does not name. Cases that were made from the template
/// do not change.
/// </summary>
internal static class UpdateTemplate
{
    public sealed record Request
    {
        [Text(CaseLimits.TemplateName, SingleLine = true)]
        public string? Name { get; init; }

        [Text(CaseLimits.Title, IsTrimmed = true)]
        public string? Title { get; init; }

        [Text(CaseLimits.Description, AllowEmpty = true, AllowBlank = true)]
        public string? Description { get; init; }

        [AllowedValues(
            null, CaseWords.Low, CaseWords.Medium, CaseWords.High, CaseWords.Critical, ErrorMessage = CaseWords.SeveritySentence)]
        public string? Severity { get; init; }

        [AllowedValues(
            null, CaseWords.Performance, CaseWords.Error, CaseWords.Configuration, CaseWords.Infrastructure, CaseWords.Security,
            CaseWords.Other, ErrorMessage = CaseWords.CategorySentence)]
        public string? Category { get; init; }

        [TextList(CaseLimits.Tags, CaseLimits.Tag)]
        public string[]? Tags { get; init; }

        [TextList(CaseLimits.ChecklistItems, CaseLimits.ChecklistItem)]
        public string[]? Checklist { get; init; }
    }

    /// <summary>A common table expression: locks the template if the caller may use it.</summary>
    private const string Find = $"""
        found as (
            select t.*, {CaseTemplate.MayChange} as may_change
            from support.case_templates t where t.id = @id and {CaseTemplate.Sees} for update of t
        )
        """;

    internal const string Update = $"""
        with {Find}, changed as (
            update support.case_templates t
            set name = coalesce(@Name::text, t.name), title = coalesce(@title::text, t.title),
                description = coalesce(@Description::text, t.description), severity = coalesce(@Severity::text, t.severity),
                category = coalesce(@Category::text, t.category), tags = coalesce(@Tags::text[], t.tags),
                checklist = coalesce(@Checklist::text[], t.checklist), version = t.version + 1, updated_at = @now
            from found f
            where t.id = f.id and f.may_change and (@versions::bigint[] is null or f.version = any(@versions::bigint[]))
                and (f.name, f.title, f.description, f.severity, f.category, f.tags, f.checklist) is distinct from (
                    coalesce(@Name::text, f.name), coalesce(@title::text, f.title), coalesce(@Description::text, f.description),
                    coalesce(@Severity::text, f.severity), coalesce(@Category::text, f.category), coalesce(@Tags::text[], f.tags),
                    coalesce(@Checklist::text[], f.checklist))
            returning {CaseTemplate.Columns}
        ), logged as (
            {EventSql.Insert}
            select @now, 'case_template.updated', 'support.case_template:' || id, @caller, @RequestId, @Address,
                json_build_object('template_id', id, 'is_global', owner is null)::text
            from changed
        )
        select {CaseTemplate.Columns} from changed t
        """;

    internal const string Delete = $"""
        with {Find}, deleted as (
            delete from support.case_templates t using found f
            where t.id = f.id and f.may_change and (@versions::bigint[] is null or f.version = any(@versions::bigint[]))
            returning t.id, t.owner
        ), logged as (
            {EventSql.Insert}
            select @now, 'case_template.deleted', 'support.case_template:' || id, @caller, @RequestId, @Address,
                json_build_object('template_id', id, 'is_global', owner is null)::text
            from deleted
        )
        select id from deleted
        """;

    public static async Task<Results<Tagged<CaseTemplate.Response>, Refusal>> Handle(
        RowId id, Request request, HttpRequest http, Caller caller, LinkedActors linked, Database database, TimeProvider time,
        CancellationToken cancel)
    {
        var scope = await SupportScope.Of(caller, linked, cancel);
        var versions = ETag.IfMatch(http);
        try
        {
            var row = await database.First<CaseTemplate.Row>(
                Update,
                new
                {
                    id = id.Value, scope.Me, scope.Owns, versions, request.Name, title = request.Title?.Trim(), request.Description,
                    request.Severity, request.Category, request.Tags, request.Checklist, now = time.GetUtcNow().UtcDateTime,
                    caller = caller.Id, caller.RequestId, caller.Address,
                },
                cancel);
            if (row is not null)
                return row.ToAnswer();
        }
        catch (PostgresException e) when (e is { SqlState: PostgresErrorCodes.UniqueViolation, ConstraintName: "case_templates_name" })
        {
            return CaseTemplate.NameUsed;
        }

        var (refusal, found) = await Explain(id, versions, scope, database, cancel);
        return refusal is not null ? refusal : found!.ToAnswer();
    }

    public static async Task<Results<NoContent, Refusal>> HandleDelete(
        RowId id, HttpRequest http, Caller caller, LinkedActors linked, Database database, TimeProvider time, CancellationToken cancel)
    {
        var scope = await SupportScope.Of(caller, linked, cancel);
        var versions = ETag.IfMatch(http);
        var deleted = await database.First<long?>(
            Delete,
            new
            {
                id = id.Value, scope.Me, scope.Owns, versions, now = time.GetUtcNow().UtcDateTime, caller = caller.Id, caller.RequestId,
                caller.Address,
            },
            cancel);
        if (deleted is not null)
            return TypedResults.NoContent();
        var (refusal, _) = await Explain(id, versions, scope, database, cancel);
        return refusal ?? CaseTemplate.NotFound;
    }

    /// <summary>Why the statement changed no row; without a refusal, it had nothing to change.</summary>
    private static async Task<(Refusal? Refusal, CaseTemplate.Row? Row)> Explain(
        RowId id, long[]? versions, SupportScope scope, Database database, CancellationToken cancel)
    {
        var row = await CaseTemplate.Find(id.Value, scope, database, cancel);
        if (row is null)
            return (CaseTemplate.NotFound, null);
        if (row.Owner is null && !scope.Owns)
            return (CaseTemplate.NotYours, row);
        return (versions?.Contains(row.Version) == false ? Refusal.Stale() : null, row);
    }
}
