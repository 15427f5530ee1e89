using Caraway.Platform.Http;

namespace Caraway.Support.Files;

/// <summary>The forms of a file of cases.</summary>
internal static class FileFormat
{
    public const string Json = "json";
    public const string Csv = "csv";

    /// <summary>One object a line. Only an import takes it.</summary>
    public const string Lines = "ndjson";

    public const string JsonType = "application/json";
    public const string CsvType = "text/csv";
    public const string LinesType = "application/x-ndjson";
}

/// <summary>Lists the formats of an export in the OpenAPI document.</summary>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Parameter)]
internal sealed class FileFormatWordAttribute : Attribute, IWords
{
    public IReadOnlyList<string> Words => [FileFormat.Json, FileFormat.Csv];
}
