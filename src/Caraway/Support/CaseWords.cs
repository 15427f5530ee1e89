using Caraway.Platform.Http;
using Caraway.Platform.Workflows;

namespace Caraway.Support;

/// <summary>The words of a support case, as stored and as answered, and its legal transitions (docs/contracts/support.md).</summary>
internal static class CaseWords
{
    public const string Active = "active";
    public const string Investigating = "investigating";
    public const string Resolved = "resolved";
    public const string Closed = "closed";
    public const string Archived = "archived";

    public const string Low = "low";
    public const string Medium = "medium";
    public const string High = "high";
    public const string Critical = "critical";

    public const string Performance = "performance";
    public const string Error = "error";
    public const string Configuration = "configuration";
    public const string Infrastructure = "infrastructure";
    public const string Security = "security";
    public const string Other = "other";

    public const string StatusSentence = "The status must be one of active, investigating, resolved, closed, archived.";
    public const string SeveritySentence = "The severity must be one of low, medium, high, critical.";
    public const string CategorySentence =
        "The category must be one of performance, error, configuration, infrastructure, security, other.";

    public static IReadOnlyList<string> Severities { get; } = [Low, Medium, High, Critical];

    public static IReadOnlyList<string> Categories { get; } = [Performance, Error, Configuration, Infrastructure, Security, Other];

    public static Workflow Table { get; } = new(
        "support.case",
        [Active, Investigating, Resolved, Closed, Archived],
        [
            new(Active, Investigating),
            new(Active, Resolved),
            new(Active, Archived),
            new(Active, Closed),
            new(Investigating, Active),
            new(Investigating, Resolved),
            new(Investigating, Archived),
            new(Investigating, Closed),
            new(Resolved, Investigating),
            new(Resolved, Archived),
            new(Resolved, Closed),
            new(Closed, Investigating),
            new(Closed, Archived),
        ]);
}

/// <summary>Lists the statuses of a support case in the OpenAPI document.</summary>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Parameter)]
internal sealed class SupportStatusWordAttribute : Attribute, IWords
{
    public IReadOnlyList<string> Words => CaseWords.Table.Statuses;
}

/// <summary>Lists the severities in the OpenAPI document.</summary>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Parameter)]
internal sealed class SeverityWordAttribute : Attribute, IWords
{
    public IReadOnlyList<string> Words => CaseWords.Severities;
}

/// <summary>Lists the categories in the OpenAPI document.</summary>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Parameter)]
internal sealed class CategoryWordAttribute : Attribute, IWords
{
    public IReadOnlyList<string> Words => CaseWords.Categories;
}
