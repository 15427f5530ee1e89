using System.Text.Json.Serialization;

namespace Caraway.Platform.Search;

/// <summary>The JSON shapes of the search over all desks.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(SearchEverything.Response), TypeInfoPropertyName = "SearchResponse")]
internal sealed partial class SearchJson : JsonSerializerContext;
