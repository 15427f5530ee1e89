using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using Caraway.Identity.Contracts;
using Caraway.Platform.Events;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Support;

/// <summary>
/// <c>POST /api/v1/cases</c>: opens a case of the caller, in one statement. A template fills in what the request leaves out.
/// </summary>
internal static class CreateCase
{
    public sealed record Request
    {
        /// <summary>White space at both ends is removed. Absent or blank: <c>Case-MMDD-N</c>.</summary>
        [Text(CaseLimits.Title, AllowEmpty = true, AllowBlank = true, IsTrimmed = true)]
        public string? Title { get; init; }

        [Text(CaseLimits.Description, AllowEmpty = true, AllowBlank = true)]
        public string? Description { get; init; }

        [Text(CaseLimits.SessionId, AllowEmpty = true, AllowBlank = true, IsTrimmed = true)]
        public string? SessionId { get; init; }

        [AllowedValues(
            null, CaseWords.Low, CaseWords.Medium, CaseWords.High, CaseWords.Critical, ErrorMessage = CaseWords.SeveritySentence)]
        public string? Severity { get; init; }

        [AllowedValues(
            null, CaseWords.Performance, CaseWords.Error, CaseWords.Configuration, CaseWords.Infrastructure, CaseWords.Security,
            CaseWords.Other, ErrorMessage = CaseWords.CategorySentence)]
        public string? Category { get; init; }

        /// <summary>A JSON object of at most 32 KiB and 16 levels.</summary>
        public JsonElement? Metadata { get; init; }

        /// <summary>At most 50 texts of 1 to 50 characters.</summary>
        [TextList(CaseLimits.Tags, CaseLimits.Tag)]
        public string[]? Tags { get; init; }

        /// <summary>A template of the caller's own, or a global one.</summary>
        public long? TemplateId { get; init; }
    }

    /// <summary>
    /// The row of day_numbers stays locked until the end of the transaction, so that simultaneous callers get different numbers. Returns no
    /// row when the drawn id is taken.
    /// </summary>
    internal const string Insert = $"""
        with numbered as (
            insert into support.day_numbers as d (owner, day, last)
            select @owner, (@now at time zone 'UTC')::date, 1 where not exists (select from support.cases where id = @id)
            on conflict (owner, day) do update set last = d.last + 1
            returning last
        ), opened as (
            insert into support.cases as c (
                id, owner, readers, session_id, title, description, status, severity, category, metadata, tags, created_at, updated_at)
            select @id, @owner, array[@owner], @sessionId,
                coalesce(@title, 'Case-' || to_char(@now at time zone 'UTC', 'MMDD') || '-' || last),
                @description, @initial, @severity, @category, @metadata, @tags, @now, @now
            from numbered
            returning {SupportCase.Columns}
        ), logged as (
            {EventSql.Insert}
            select @now, 'support_case.opened', 'support.case:' || {SupportCase.IdText}, @owner, @RequestId, @Address,
                json_build_object('case_id', {SupportCase.IdText}, 'from_status', null, 'to_status', status, 'severity', severity,
                    'category', category, 'template_id', @templateId::bigint)::text
            from opened
        )
        select * from opened
        """;

    public static async Task<Results<Created<SupportCase.Response>, Refusal>> Handle(
        Request request, HttpResponse response, Caller caller, LinkedActors linked, UserNameCache users, Database database,
        TimeProvider time, CancellationToken cancel)
    {
        var now = time.GetUtcNow().UtcDateTime;
        var draft = CaseDraft.From(request);
        if (draft.Metadata is { } metadata && FreeFormJson.FindFault(metadata, CaseLimits.MetadataBytes) is { } fault)
            return Refusal.Invalid(new ProblemError("#/metadata", fault));
        if (request.TemplateId is { } templateId)
        {
            var scope = await SupportScope.Of(caller, linked, cancel);
            if (await CaseTemplate.Find(templateId, scope, database, cancel) is not { } template)
                return Refusal.Invalid(new ProblemError("#/template_id", "There is no template with this id."));
            var name = await users.Find(caller.UserId, CaseLimits.Title, cancel) ?? SupportUser.IdOf(caller.Id);
            draft = template.Complete(draft, name, now);
        }

        if (draft.Fault is { } misfit)
            return Refusal.Invalid(misfit);
        var row = await Write(draft, caller, now, database, cancel);
        response.Headers.ETag = ETag.Create(row.Version);
        return TypedResults.Created($"/api/v1/cases/{CaseId.Write(row.Id)}", row.ToResponse());
    }

    private static async Task<SupportCase.Row> Write(
        CaseDraft draft, Caller caller, DateTime now, Database database, CancellationToken cancel)
    {
        while (true)
        {
            var row = await database.First<SupportCase.Row>(
                Insert,
                new
                {
                    id = CaseId.Create().Value, owner = caller.Id, sessionId = draft.SessionId, title = draft.Title,
                    description = draft.Description ?? "", initial = CaseWords.Table.Initial,
                    severity = draft.Severity ?? CaseWords.Medium, category = draft.Category ?? CaseWords.Other,
                    metadata = draft.Metadata?.GetRawText() ?? "{}", tags = draft.Tags ?? [], templateId = draft.TemplateId,
                    now, caller.RequestId, caller.Address,
                },
                cancel);
            // A taken id has one chance in 280 million, at a million cases.
            if (row is not null)
                return row;
        }
    }
}
