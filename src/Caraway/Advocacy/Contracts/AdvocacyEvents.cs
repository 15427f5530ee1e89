using Caraway.Platform.Events;

namespace Caraway.Advocacy.Contracts;

/// <summary>The events that Advocacy raises. docs/events.md describes each event and its payload.</summary>
internal static class AdvocacyEvents
{
    public const string CaseOpened = "case.opened";
    public const string CaseMoved = "case.moved";
    public const string CaseAssigned = "case.assigned";
    public const string ApplicantCorrected = "case.applicant_corrected";
    public const string PatientLinked = "case.patient_linked";
    public const string PatientUnlinked = "case.patient_unlinked";
    public const string NoteAdded = "case.note_added";
    public const string DocumentAdded = "case.document_added";
    public const string DocumentProcessingRequested = "case.document_processing_requested";
    public const string DocumentProcessed = "case.document_processed";
    public const string DocumentFailed = "case.document_failed";

    public static IReadOnlyList<string> All { get; } =
    [
        CaseOpened, CaseMoved, CaseAssigned, ApplicantCorrected, PatientLinked, PatientUnlinked, NoteAdded, DocumentAdded,
        DocumentProcessingRequested, DocumentProcessed, DocumentFailed,
    ];

    /// <summary>
    /// The events of patients' timelines. Callers with the permission see the whole event, patients these fields: notes, assignments and
    /// reasons are only for the desk.
    /// </summary>
    public static IReadOnlyList<TimelineRule> Timeline { get; } =
    [
        new(CaseOpened, AdvocacyPermissions.Read, PatientSees: ["case_id"]),
        new(CaseMoved, AdvocacyPermissions.Read, PatientSees: ["case_id", "from_status", "to_status"]),
        new(CaseAssigned, AdvocacyPermissions.Read, PatientSees: null),
        new(ApplicantCorrected, AdvocacyPermissions.Read, PatientSees: ["case_id", "fields"]),
        // Without patient_id: a patient also sees the events from before the link, and one of them can name an earlier patient.
        new(PatientLinked, AdvocacyPermissions.Read, PatientSees: ["case_id"]) { Link = SubjectLink.Begins },
        new(PatientUnlinked, AdvocacyPermissions.Read, PatientSees: null) { Link = SubjectLink.Ends },
        new(NoteAdded, AdvocacyPermissions.Read, PatientSees: null),
        new(DocumentAdded, AdvocacyPermissions.Read, PatientSees: ["case_id", "document_id", "filename"]),
        new(DocumentProcessingRequested, AdvocacyPermissions.Read, PatientSees: null),
        new(DocumentProcessed, AdvocacyPermissions.Read, PatientSees: ["case_id", "document_id"]),
        new(DocumentFailed, AdvocacyPermissions.Read, PatientSees: ["case_id", "document_id", "error_message"]),
    ];
}
