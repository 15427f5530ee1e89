namespace Caraway.Platform.Events;

/// <summary>Puts an event into patients' timelines. Modules register their rules.</summary>
/// <param name="EventName">
/// The payload's <c>patient_id</c> names the patient; without it, an earlier event of the same subject does.
/// </param>
/// <param name="Permission">The permission with which staff see the event.</param>
/// <param name="PatientSees">The fields of the payload that the patient sees; null hides the event from the patient.</param>
internal sealed record TimelineRule(string EventName, string Permission, string[]? PatientSees);
