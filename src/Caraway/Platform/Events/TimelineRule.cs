namespace Caraway.Platform.Events;

/// <summary>Which event stands in a patient's timeline, and who sees it there. Modules register theirs.</summary>
/// <param name="EventName">The event; its payload's <c>patient_id</c>, or an earlier one's of the same subject, says whose it is.</param>
/// <param name="Permission">Staff see it with this.</param>
/// <param name="PatientSees">What of its payload the patient sees; null when the event is not for his eyes.</param>
internal sealed record TimelineRule(string EventName, string Permission, string[]? PatientSees);
