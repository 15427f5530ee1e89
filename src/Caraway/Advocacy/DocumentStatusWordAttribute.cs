using Caraway.Platform.Http;

namespace Caraway.Advocacy;

/// <summary>Lists the statuses of a document in the OpenAPI document. Processing ends in one of the last two.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class DocumentStatusWordAttribute : Attribute, IWords
{
    public IReadOnlyList<string> Words { get; } = ["UPLOADED", "PROCESSING", "PROCESSED", "FAILED"];
}
