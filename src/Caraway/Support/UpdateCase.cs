using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using Caraway.Identity.Contracts;
using Caraway.Platform.Audit;
using Caraway.Platform.Events;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace Caraway.Support;

/// <summary>
/// <c>PUT /api/v1/cases/{case_id}</c> changes the fields that it names, and <c>POST /api/v1/cases/{case_id}/status</c> only the status.
/// Each does everything or nothing. Archived cases do not change.
/// </summary>
internal static class UpdateCase
{
    public sealed record Request
    {
        [Text(CaseLimits.Title, IsTrimmed = true)]
        public string? Title { get; init; }

        [Text(CaseLimits.Description, AllowEmpty = true, AllowBlank = true)]
        public string? Description { get; init; }

        [AllowedValues(
            null, CaseWords.Active, CaseWords.Investigating, CaseWords.Resolved, CaseWords.Closed, CaseWords.Archived,
            ErrorMessage = CaseWords.StatusSentence)]
        public string? Status { get; init; }

        [AllowedValues(
            null, CaseWords.Low, CaseWords.Medium, CaseWords.High, CaseWords.Critical, ErrorMessage = CaseWords.SeveritySentence)]
        public string? Severity { get; init; }

        [AllowedValues(
            null, CaseWords.Performance, CaseWords.Error, CaseWords.Configuration, CaseWords.Infrastructure, CaseWords.Security,
            CaseWords.Other, ErrorMessage = CaseWords.CategorySentence)]
        public string? Category { get; init; }

        /// <summary>Replaces the whole object: at most 32 KiB and 16 levels.</summary>
        public JsonElement? Metadata { get; init; }

        /// <summary>Replaces all tags: at most 50 texts of 1 to 50 characters.</summary>
        [TextList(CaseLimits.Tags, CaseLimits.Tag)]
        public string[]? Tags { get; init; }
    }

    public sealed record Move
    {
        [Needed, AllowedValues(
            null, CaseWords.Active, CaseWords.Investigating, CaseWords.Resolved, CaseWords.Closed, CaseWords.Archived,
            ErrorMessage = CaseWords.StatusSentence)]
        public string? Status { get; init; }
    }

    /// <summary>The case after the statement, with what explains a refusal.</summary>
    /// <remarks>The members that begin with Previous are those of the locked row.</remarks>
    private sealed class Changed : SupportCase.Fields
    {
        public bool MayEdit { get; init; }

        public bool IsChanged { get; init; }

        /// <summary>The fields, except the status, that the request would change.</summary>
        public string[] Fields { get; init; } = [];

        public string PreviousStatus { get; init; } = "";

        public long PreviousVersion { get; init; }
    }

    /// <summary>
    /// Locks the row, changes it if access, version and workflow allow it and something would change, and records each change. Returns the
    /// state after the statement, so that a refusal needs no second query.
    /// </summary>
    internal const string Update = $"""
        with found as (
            select c.*, {SupportScope.MayEdit} as may_edit, array_remove(array[
                case when c.title <> @title::text then 'title' end, case when c.description <> @description::text then 'description' end,
                case when c.severity <> @severity::text then 'severity' end, case when c.category <> @category::text then 'category' end,
                case when c.metadata <> @metadata::text then 'metadata' end, case when c.tags <> @tags::text[] then 'tags' end
            ], null) as fields
            from support.cases c where c.id = @id and {SupportScope.Sees} for no key update of c
        ), changed as (
            update support.cases c
            set title = coalesce(@title::text, c.title), description = coalesce(@description::text, c.description),
                severity = coalesce(@severity::text, c.severity), category = coalesce(@category::text, c.category),
                metadata = coalesce(@metadata::text, c.metadata), tags = coalesce(@tags::text[], c.tags),
                status = coalesce(@status::text, c.status),
                resolved_at = case
                    when @status::text in ('resolved', 'closed') then coalesce(c.resolved_at, @now)
                    when @status::text in ('active', 'investigating') then null
                    else c.resolved_at end,
                ended_at = case
                    when @status::text in ('resolved', 'closed', 'archived') then coalesce(c.ended_at, @now)
                    when @status::text in ('active', 'investigating') then null
                    else c.ended_at end,
                version = f.version + 1, updated_at = @now
            from found f
            where c.id = f.id and f.may_edit and f.status <> 'archived'
                and (@versions::bigint[] is null or f.version = any(@versions::bigint[]))
                and (@status::text is null or f.status = @status::text or f.status = any(@sources::text[]))
                and (cardinality(f.fields) > 0 or f.status <> @status::text)
            returning {SupportCase.Columns}, f.status as old_status, f.severity as old_severity, f.category as old_category, f.fields
        ), logged as (
            {EventSql.Insert}
            select @now, 'support_case.moved', 'support.case:' || {SupportCase.IdText}, @caller, @RequestId, @Address,
                json_build_object('case_id', {SupportCase.IdText}, 'from_status', old_status, 'to_status', status)::text
            from changed where old_status <> status
            union all
            select @now, 'support_case.updated', 'support.case:' || {SupportCase.IdText}, @caller, @RequestId, @Address,
                json_build_object('case_id', {SupportCase.IdText}, 'changes', fields, 'from_severity', old_severity,
                    'to_severity', severity, 'from_category', old_category, 'to_category', category)::text
            from changed where cardinality(fields) > 0
        )
        select a.*, f.may_edit, f.fields, f.status as previous_status, f.version as previous_version,
            exists (select from changed) as is_changed
        from found f cross join lateral (
            select {SupportCase.Columns} from changed c
            union all
            select {SupportCase.Columns} from found c where not exists (select from changed)
        ) a
        """;

    public static Task<Results<Tagged<SupportCase.Response>, Refusal>> Handle(
        [FromRoute(Name = "case_id")] CaseId caseId, Request request, HttpRequest http, Caller caller, LinkedActors linked,
        AccessLog accesses, Database database, TimeProvider time, CancellationToken cancel) =>
        Change(caseId, request, http, caller, linked, accesses, database, time, cancel);

    public static Task<Results<Tagged<SupportCase.Response>, Refusal>> HandleMove(
        [FromRoute(Name = "case_id")] CaseId caseId, Move request, HttpRequest http, Caller caller, LinkedActors linked,
        AccessLog accesses, Database database, TimeProvider time, CancellationToken cancel) =>
        Change(caseId, new Request { Status = request.Status }, http, caller, linked, accesses, database, time, cancel);

    private static async Task<Results<Tagged<SupportCase.Response>, Refusal>> Change(
        CaseId caseId, Request request, HttpRequest http, Caller caller, LinkedActors linked,
        AccessLog accesses, Database database, TimeProvider time, CancellationToken cancel)
    {
        JsonElement? metadata = request.Metadata is { ValueKind: not JsonValueKind.Null } given ? given : null;
        if (metadata is { } json && FreeFormJson.FindFault(json, CaseLimits.MetadataBytes) is { } fault)
            return Refusal.Invalid(new ProblemError("#/metadata", fault));
        if (accesses.Check(caller) is { } unrecordable)
            return unrecordable;
        var scope = await SupportScope.Of(caller, linked, cancel);
        var versions = ETag.IfMatch(http);
        var row = await database.First<Changed>(
            Update,
            new
            {
                id = caseId.Value, scope.All, scope.Me, versions, title = request.Title?.Trim(), description = request.Description,
                severity = request.Severity, category = request.Category, metadata = metadata?.GetRawText(), tags = request.Tags,
                status = request.Status, sources = request.Status is null ? [] : CaseWords.Table.Into(request.Status),
                now = time.GetUtcNow().UtcDateTime, caller = caller.Id, caller.RequestId, caller.Address,
            },
            cancel);
        if (row is null)
            return SupportCase.NotFound(caseId);
        if (!row.IsChanged && Explain(row, request.Status, versions) is { } refusal)
            return refusal;
        return accesses.Add(caller, SupportScope.Accessed([row])) is { } unrecorded ? unrecorded : row.ToAnswer();
    }

    /// <summary>Why nothing changed; null when there was nothing to change.</summary>
    private static Refusal? Explain(Changed row, string? status, long[]? versions)
    {
        if (!row.MayEdit)
            return Refusal.Forbidden("The case is shared with you to view it, not to change it.");
        if (versions?.Contains(row.PreviousVersion) == false)
            return Refusal.Stale();
        if (row.PreviousStatus == CaseWords.Archived && row.Fields.Length > 0)
            return SupportCase.Archived;
        return status is not null && status != row.PreviousStatus
            ? Refusal.Conflict(ProblemCodes.InvalidTransition, $"Invalid status transition {row.PreviousStatus} -> {status}")
            : null;
    }
}
