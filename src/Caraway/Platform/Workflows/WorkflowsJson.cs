using System.Text.Json.Serialization;

namespace Caraway.Platform.Workflows;

/// <summary>The JSON shapes of workflows.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(WorkflowEndpoints.WorkflowList))]
internal sealed partial class WorkflowsJson : JsonSerializerContext;
