using System.Text.Json.Serialization;

namespace Caraway.Platform.Audit;

/// <summary>The JSON shapes of the audit logs, access logs and checkpoints.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ListAuditLogs.Response), TypeInfoPropertyName = "ListAuditLogsResponse")]
[JsonSerializable(typeof(AccessPage))]
[JsonSerializable(typeof(Checkpoint))]
internal sealed partial class AuditJson : JsonSerializerContext;
