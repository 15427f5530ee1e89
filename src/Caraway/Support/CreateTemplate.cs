using System.ComponentModel.DataAnnotations;
using Caraway.Platform.Events;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Caraway.Support.Contracts;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Support;

/// <summary><c>POST /api/v1/case-templates</c>: makes a template of the caller, or a global one by an administrator.</summary>
internal static class CreateTemplate
{
    public sealed record Request
    {
        [Needed, Text(CaseLimits.TemplateName, SingleLine = true)]
        public string? Name { get; init; }

        /// <summary>May have the fields <c>{{user}}</c> and <c>{{date}}</c>, as the description may.</summary>
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

        /// <summary>At most 100 texts of 1 to 200 characters, which new cases get as <c>metadata.checklist</c>.</summary>
        [TextList(CaseLimits.ChecklistItems, CaseLimits.ChecklistItem)]
        public string[]? Checklist { get; init; }

        public bool? IsGlobal { get; init; }
    }

    /// <summary>Returns no row when the owner has a template of this name.</summary>
    internal const string Insert = $"""
        with added as (
            insert into support.case_templates as t
                (owner, name, title, description, severity, category, tags, checklist, created_at, updated_at)
            values (@owner, @Name, @title, @description, @Severity, @Category, @tags, @checklist, @now, @now)
            on conflict (coalesce(owner, ''), lower(name)) do nothing
            returning {CaseTemplate.Columns}
        ), logged as (
            {EventSql.Insert}
            select @now, 'case_template.created', 'support.case_template:' || id, @caller, @RequestId, @Address,
                json_build_object('template_id', id, 'is_global', owner is null)::text
            from added
        )
        select * from added
        """;

    public static async Task<Results<Created<CaseTemplate.Response>, Refusal>> Handle(
        Request request, HttpResponse response, Caller caller, Database database, TimeProvider time, CancellationToken cancel)
    {
        var isGlobal = request.IsGlobal == true;
        if (isGlobal && !caller.May(SupportPermissions.WriteAll))
            return CaseTemplate.NotYours;
        var row = await database.First<CaseTemplate.Row>(
            Insert,
            new
            {
                owner = isGlobal ? null : caller.Id, request.Name, title = request.Title?.Trim(),
                description = request.Description ?? "", request.Severity, request.Category, tags = request.Tags ?? [],
                checklist = request.Checklist ?? [], now = time.GetUtcNow().UtcDateTime, caller = caller.Id, caller.RequestId,
                caller.Address,
            },
            cancel);
        if (row is null)
            return CaseTemplate.NameUsed;
        response.Headers.ETag = ETag.Create(row.Version);
        return TypedResults.Created($"/api/v1/case-templates/{row.Id}", row.ToResponse());
    }
}
