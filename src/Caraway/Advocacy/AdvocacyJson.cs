using System.Text.Json.Serialization;

namespace Caraway.Advocacy;

/// <summary>Every JSON shape of the module.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(SubmitIntake.Request), TypeInfoPropertyName = "SubmitIntakeRequest")]
[JsonSerializable(typeof(SubmitIntake.Response), TypeInfoPropertyName = "SubmitIntakeResponse")]
[JsonSerializable(typeof(AnalyzeCases.Response), TypeInfoPropertyName = "AnalyzeCasesResponse")]
[JsonSerializable(typeof(ListCases.Response), TypeInfoPropertyName = "ListCasesResponse")]
[JsonSerializable(typeof(GetCase.Response), TypeInfoPropertyName = "GetCaseResponse")]
[JsonSerializable(typeof(UpdateCase.Request), TypeInfoPropertyName = "UpdateCaseRequest")]
[JsonSerializable(typeof(UpdateCase.Response), TypeInfoPropertyName = "UpdateCaseResponse")]
[JsonSerializable(typeof(CorrectApplicant.Request), TypeInfoPropertyName = "CorrectApplicantRequest")]
[JsonSerializable(typeof(GetCase.Applicant))]
[JsonSerializable(typeof(LinkPatient.Request), TypeInfoPropertyName = "LinkPatientRequest")]
[JsonSerializable(typeof(LinkPatient.Response), TypeInfoPropertyName = "LinkPatientResponse")]
[JsonSerializable(typeof(AddNote.Request), TypeInfoPropertyName = "AddNoteRequest")]
[JsonSerializable(typeof(AddNote.Response), TypeInfoPropertyName = "AddNoteResponse")]
[JsonSerializable(typeof(ListNotes.Response), TypeInfoPropertyName = "ListNotesResponse")]
[JsonSerializable(typeof(AddDocument.Request), TypeInfoPropertyName = "AddDocumentRequest")]
[JsonSerializable(typeof(AddDocument.Response), TypeInfoPropertyName = "AddDocumentResponse")]
[JsonSerializable(typeof(List<ListDocuments.Document>), TypeInfoPropertyName = "ListDocumentsResponse")]
[JsonSerializable(typeof(DocumentFindings))]
[JsonSerializable(typeof(RequestProcessing.Response), TypeInfoPropertyName = "RequestProcessingResponse")]
internal sealed partial class AdvocacyJson : JsonSerializerContext;
