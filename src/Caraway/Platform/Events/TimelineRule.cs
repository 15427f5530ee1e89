namespace Caraway.Platform.Events;

/// <summary>
/// Puts an event into patients' timelines. The payload's <c>patient_id</c> names the patient; without it, an earlier event of the same
/// subject does. Modules register their rules.
/// </summary>
/// <param name="Permission">With this permission, a caller sees the event with its whole payload.</param>
/// <param name="PatientSees">
/// The fields of the payload that the patient sees without the permission; null hides the event from the patient.
/// </param>
internal sealed record TimelineRule(string EventName, string Permission, string[]? PatientSees)
{
    /// <summary>What the event does to the subject's link with a patient.</summary>
    public SubjectLink Link { get; init; }
}

/// <summary>What an event does to the link between its subject and a patient.</summary>
internal enum SubjectLink
{
    /// <summary>The first event of a subject that names a patient links the subject. Later ones do not.</summary>
    Once,

    /// <summary>Links the subject, with all its events, to the patient whom the event names. An earlier patient loses it.</summary>
    Begins,

    /// <summary>The patient loses the subject with all its events.</summary>
    Ends,
}
