using System.Text.Json.Serialization;

namespace Caraway.Platform.Events;

/// <summary>The JSON shapes of timelines.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(Timeline))]
internal sealed partial class EventsJson : JsonSerializerContext;
