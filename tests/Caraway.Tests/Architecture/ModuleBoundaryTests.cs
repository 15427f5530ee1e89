using System.Text.RegularExpressions;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Architecture;

/// <summary>Modules meet through <c>Contracts</c> and events only; the platform knows none of them. The source is scanned: compiled code hides literals and nameof.</summary>
public sealed partial class ModuleBoundaryTests
{
    /// <summary>All schemas there will be; a table's name always has one before it.</summary>
    private static readonly string[] Schemas = ["platform", "identity", "advocacy", "care", "support", "claims", "sync"];

    [GeneratedRegex(@"\b(?:from|join|into|update|table|on|nextval\(')\s*(?<schema>[a-z]+)\.(?<table>[a-z_]+)", RegexOptions.ExplicitCapture)]
    private static partial Regex TableName { get; }

    [Fact]
    public void The_scan_sees_the_modules_and_their_tables()
    {
        Assert.Contains("Advocacy", Source.Modules);
        Assert.InRange(Source.Files.Count, 40, 1000);
        Assert.InRange(Source.Files.Values.Sum(text => TableName.Count(text)), 30, 10_000);
    }

    [Fact]
    public void The_platform_names_no_module()
    {
        foreach (var (path, text) in Source.Files.Where(file => file.Key.StartsWith("Platform/", StringComparison.Ordinal)))
        {
            foreach (var module in Source.Modules)
                Assert.False(text.Contains($"Caraway.{module}", StringComparison.Ordinal), $"{path} names the module {module}.");
        }
    }

    [Fact]
    public void A_module_names_only_the_contracts_of_another()
    {
        foreach (var (path, text) in Source.Files.Where(file => Source.Modules.Contains(file.Key.Split('/')[0])))
        {
            foreach (var other in Source.Modules.Where(module => module != path.Split('/')[0]))
            {
                foreach (Match match in Regex.Matches(text, $@"Caraway\.{other}\b(?!\.Contracts)", RegexOptions.None, TimeSpan.FromSeconds(1)))
                    Assert.Fail($"{path} names {match.Value}, which is not its Contracts.");
            }
        }
    }

    [Fact]
    public void A_modules_SQL_names_its_own_schema_and_the_platforms_only()
    {
        foreach (var (path, text) in Source.Files)
        {
            var owner = path.Split('/')[0];
            foreach (Match match in TableName.Matches(text))
            {
                var (schema, table) = (match.Groups["schema"].Value, match.Groups["table"].Value);
                if (!Schemas.Contains(schema, StringComparer.Ordinal))
                    continue;
                var isOwn = schema == owner.ToLowerInvariant() || schema == "platform";
                Assert.True(isOwn || (schema, table) is ("identity", "user_card"), $"{path} names {schema}.{table}.");
            }
        }
    }
}
