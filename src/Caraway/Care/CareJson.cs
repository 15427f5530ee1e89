using System.Text.Json.Serialization;

namespace Caraway.Care;

/// <summary>The JSON shapes of the module.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(BookAppointment.Request), TypeInfoPropertyName = "BookAppointmentRequest")]
[JsonSerializable(typeof(UpdateAppointment.Request), TypeInfoPropertyName = "UpdateAppointmentRequest")]
[JsonSerializable(typeof(Appointment.Response), TypeInfoPropertyName = "AppointmentResponse")]
[JsonSerializable(typeof(List<Appointment.Response>), TypeInfoPropertyName = "AppointmentList")]
[JsonSerializable(typeof(AppointmentTask.Response), TypeInfoPropertyName = "TaskResponse")]
[JsonSerializable(typeof(List<AppointmentTask.Response>), TypeInfoPropertyName = "TaskList")]
[JsonSerializable(typeof(AddLabResult.Request), TypeInfoPropertyName = "AddLabResultRequest")]
[JsonSerializable(typeof(LabResult.Response), TypeInfoPropertyName = "LabResultResponse")]
[JsonSerializable(typeof(List<LabResult.Response>), TypeInfoPropertyName = "LabResultList")]
[JsonSerializable(typeof(SetAvailability.Rules), TypeInfoPropertyName = "Rules")]
[JsonSerializable(typeof(List<ListFreeSlots.Slot>), TypeInfoPropertyName = "SlotList")]
[JsonSerializable(typeof(CalendarLink.Response), TypeInfoPropertyName = "CalendarLinkResponse")]
internal sealed partial class CareJson : JsonSerializerContext;
