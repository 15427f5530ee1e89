namespace Caraway.Support.Contracts;

/// <summary>
/// The events that Support raises; docs/events.md describes them. They are in no patient's timeline, because a support case is about the
/// program and not about a patient.
/// </summary>
internal static class SupportEvents
{
    public const string CaseOpened = "support_case.opened";
    public const string CaseImported = "support_case.imported";
    public const string CaseUpdated = "support_case.updated";
    public const string CaseMoved = "support_case.moved";
    public const string CaseShared = "support_case.shared";
    public const string CaseUnshared = "support_case.unshared";
    public const string CaseDeleted = "support_case.deleted";
    public const string ImportStarted = "case_import.started";
    public const string TemplateCreated = "case_template.created";
    public const string TemplateUpdated = "case_template.updated";
    public const string TemplateDeleted = "case_template.deleted";

    public static IReadOnlyList<string> All { get; } =
    [
        CaseOpened, CaseImported, CaseUpdated, CaseMoved, CaseShared, CaseUnshared, CaseDeleted, ImportStarted,
        TemplateCreated, TemplateUpdated, TemplateDeleted,
    ];
}
