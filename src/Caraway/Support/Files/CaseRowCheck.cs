using System.ComponentModel.DataAnnotations;
using System.Reflection;
using System.Text.Json;

namespace Caraway.Support.Files;

/// <summary>
/// Makes valid rows of the values of a file, by the rules of <see cref="CreateCase.Request"/> and a few of its own. One check is for one
/// file, because it remembers the ids of earlier rows.
/// </summary>
/// <param name="keepsOrigin">Whether ids, owners and times of the file count. Otherwise they are ignored.</param>
/// <param name="now">UTC.</param>
internal sealed class CaseRowCheck(bool keepsOrigin, DateTime now)
{
    private static readonly TimeSpan Tolerance = TimeSpan.FromMinutes(1);

    private static readonly (string Column, PropertyInfo Property, ValidationAttribute[] Rules)[] Rules =
    [
        .. from property in typeof(CreateCase.Request).GetProperties()
           let rules = property.GetCustomAttributes<ValidationAttribute>().ToArray()
           where rules.Length > 0
           select (JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name), property, rules),
    ];

    private readonly HashSet<long> ids = [];

    /// <summary>For a sender that cannot own cases.</summary>
    public bool NeedsOwner { get; init; }

    /// <summary>The <c>user_id</c> of rows that have none; null means that these rows are the sender's.</summary>
    public string? UsualOwner { get; init; }

    /// <returns>Null when the values have faults.</returns>
    public ImportRow? Check(long place, CaseValues values)
    {
        var request = new CreateCase.Request
        {
            Title = values.Text(CaseColumns.Title),
            Description = values.Text(CaseColumns.Description),
            SessionId = values.Text(CaseColumns.SessionId),
            Severity = values.Text(CaseColumns.Severity),
            Category = values.Text(CaseColumns.Category),
            Tags = values.Tags,
        };
        ApplyRules(request, values);
        var status = values.Text(CaseColumns.Status) ?? CaseWords.Table.Initial;
        if (!CaseWords.Table.Knows(status))
            values.Blame(CaseColumns.Status, CaseWords.StatusSentence);
        var origin = keepsOrigin ? CheckOrigin(status, values) : default;
        if (!keepsOrigin)
            values.Ignore(CaseColumns.Origin);
        if (values.Faults.Count > 0)
            return null;
        var draft = CaseDraft.From(request);
        return new ImportRow
        {
            Place = place,
            Id = origin.Id,
            Owner = origin.Owner,
            SessionId = draft.SessionId,
            Title = draft.Title,
            Description = draft.Description ?? "",
            Status = status,
            Severity = draft.Severity ?? CaseWords.Medium,
            Category = draft.Category ?? CaseWords.Other,
            Metadata = values.Metadata ?? "{}",
            Tags = draft.Tags ?? [],
            CreatedAt = origin.CreatedAt,
            UpdatedAt = origin.UpdatedAt,
            ResolvedAt = origin.ResolvedAt,
        };
    }

    private static void ApplyRules(CreateCase.Request request, CaseValues values)
    {
        var context = new ValidationContext(request);
        foreach (var (column, property, rules) in Rules)
        {
            foreach (var rule in rules)
            {
                context.MemberName = property.Name;
                if (rule.GetValidationResult(property.GetValue(request), context) is { } fault)
                    values.Blame(column, fault.ErrorMessage!);
            }
        }
    }

    private readonly record struct Origin(long? Id, string? Owner, DateTime? CreatedAt, DateTime? UpdatedAt, DateTime? ResolvedAt);

    private Origin CheckOrigin(string status, CaseValues values)
    {
        long? id = null;
        if (values.Text(CaseColumns.CaseId) is { } caseId)
        {
            if (!CaseId.TryRead(caseId, out var number))
                values.Blame(CaseColumns.CaseId, "This must be case_ and 12 lower-case hex digits.");
            else if (!ids.Add(number))
                values.Blame(CaseColumns.CaseId, "An earlier row has the same case_id.");
            id = number;
        }

        var userId = values.Text(CaseColumns.UserId) ?? UsualOwner;
        if (userId is null && NeedsOwner)
            values.Blame(CaseColumns.UserId, "This is required.");
        if (userId is not null && !SupportUser.IsId(userId))
            values.Blame(CaseColumns.UserId, "This cannot be the id of a user.");
        CheckTimes(status, values);
        var (created, resolved) = (values.Time(CaseColumns.CreatedAt), values.Time(CaseColumns.ResolvedAt));
        var updated = values.Time(CaseColumns.UpdatedAt) ?? resolved ?? created;
        if (status is CaseWords.Resolved or CaseWords.Closed)
            resolved ??= updated;
        return new Origin(id, userId is null ? null : SupportUser.ActorOf(userId), created, updated, resolved);
    }

    private void CheckTimes(string status, CaseValues values)
    {
        var created = values.Time(CaseColumns.CreatedAt);
        if (created > now + Tolerance)
            values.Blame(CaseColumns.CreatedAt, "This is in the future.");
        foreach (var column in new[] { CaseColumns.UpdatedAt, CaseColumns.ResolvedAt })
        {
            if (values.Time(column) is not { } time)
                continue;
            if (created is null)
                values.Blame(column, "This needs created_at.");
            else if (time < created)
                values.Blame(column, "This is earlier than created_at.");
            else if (time > now + Tolerance)
                values.Blame(column, "This is in the future.");
        }

        if (status is CaseWords.Active or CaseWords.Investigating && values.Time(CaseColumns.ResolvedAt) is not null)
            values.Blame(CaseColumns.ResolvedAt, "A case that is active or investigating is not resolved.");
    }
}
