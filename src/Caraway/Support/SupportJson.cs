using System.Text.Json.Serialization;
using Caraway.Platform.Http;
using Caraway.Support.Files;

namespace Caraway.Support;

/// <summary>Every JSON shape of the module.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(AnalyzeCases.Response), TypeInfoPropertyName = "AnalyzeCasesResponse")]
[JsonSerializable(typeof(CaseId))]
[JsonSerializable(typeof(PathText))]
[JsonSerializable(typeof(CreateCase.Request), TypeInfoPropertyName = "CreateCaseRequest")]
[JsonSerializable(typeof(SupportCase.Response), TypeInfoPropertyName = "SupportCaseResponse")]
[JsonSerializable(typeof(ListCases.Response), TypeInfoPropertyName = "ListCasesResponse")]
[JsonSerializable(typeof(ListCases.CursorResponse), TypeInfoPropertyName = "ListCasesCursorResponse")]
[JsonSerializable(typeof(ImportCases.Body), TypeInfoPropertyName = "ImportCasesBody")]
[JsonSerializable(typeof(ImportReport))]
[JsonSerializable(typeof(ImportRow))]
[JsonSerializable(typeof(IReadOnlyList<ProblemError>), TypeInfoPropertyName = "ProblemErrors")]
[JsonSerializable(typeof(ExportCases.Response), TypeInfoPropertyName = "ExportCasesResponse")]
[JsonSerializable(typeof(UpdateCase.Request), TypeInfoPropertyName = "UpdateCaseRequest")]
[JsonSerializable(typeof(UpdateCase.Move), TypeInfoPropertyName = "MoveCaseRequest")]
[JsonSerializable(typeof(ShareCase.Request), TypeInfoPropertyName = "ShareCaseRequest")]
[JsonSerializable(typeof(CaseShare.Response), TypeInfoPropertyName = "CaseShareResponse")]
[JsonSerializable(typeof(ListShares.Response), TypeInfoPropertyName = "ListSharesResponse")]
[JsonSerializable(typeof(CreateTemplate.Request), TypeInfoPropertyName = "CreateTemplateRequest")]
[JsonSerializable(typeof(UpdateTemplate.Request), TypeInfoPropertyName = "UpdateTemplateRequest")]
[JsonSerializable(typeof(CaseTemplate.Response), TypeInfoPropertyName = "CaseTemplateResponse")]
[JsonSerializable(typeof(ListTemplates.Response), TypeInfoPropertyName = "ListTemplatesResponse")]
[JsonSerializable(typeof(IReadOnlyList<SupportCase.Response>), TypeInfoPropertyName = "SupportCases")]
[JsonSerializable(typeof(IReadOnlyList<CaseShare.Response>), TypeInfoPropertyName = "CaseShares")]
[JsonSerializable(typeof(IReadOnlyList<CaseTemplate.Response>), TypeInfoPropertyName = "CaseTemplates")]
internal sealed partial class SupportJson : JsonSerializerContext;
