namespace Caraway.Advocacy.Contracts;

/// <summary>The events that Advocacy raises. docs/events.md says when, and what each payload holds.</summary>
internal static class AdvocacyEvents
{
    public const string CaseOpened = "case.opened";
    public const string CaseMoved = "case.moved";
    public const string CaseAssigned = "case.assigned";
    public const string NoteAdded = "case.note_added";
    public const string DocumentAdded = "case.document_added";
    public const string DocumentProcessingRequested = "case.document_processing_requested";
    public const string DocumentProcessed = "case.document_processed";
    public const string DocumentFailed = "case.document_failed";

    public static IReadOnlyList<string> All { get; } =
        [CaseOpened, CaseMoved, CaseAssigned, NoteAdded, DocumentAdded, DocumentProcessingRequested, DocumentProcessed, DocumentFailed];
}
