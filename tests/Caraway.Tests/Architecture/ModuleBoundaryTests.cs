using System.Text.RegularExpressions;

namespace Caraway.Tests.Architecture;

/// <summary>The source is scanned, for compiled code has lost its constants and nameof.</summary>
public sealed class ModuleBoundaryTests
{
    private const string Schemas = "platform|identity|patients|advocacy|care|support|claims|sync";

    [Fact]
    public void The_scan_finds_modules_and_their_files()
    {
        Assert.Contains("Advocacy", Sources.Modules);
        Assert.All(Sources.Modules, module => Assert.Contains(Sources.Of(module), file => file.Name == $"{module}/{module}Module.cs"));
        Assert.True(Sources.Of("Platform").Count > 20);
    }

    [Fact]
    public void The_scan_sees_a_trespass()
    {
        Assert.Equal(["Care"], Named("using Caraway.Care;", ["Care"]));
        Assert.Equal(["Care"], Named("var x = Care.Doctors.Find();", ["Care"]));
        Assert.Equal(["Care"], Named("using static Caraway.Care.Internal.Thing;", ["Care"]));
        Assert.Empty(
            Named("using Caraway.Care.Contracts; Caraway.Care.Contracts.Doctors.Find(); Permission.CareRead; Health.Care", ["Care"]));
        Assert.Equal(["care.doctors"], Tables("select 1 from care.doctors join identity.user_card u", "advocacy"));
        Assert.Equal(["identity.users"], Tables("select 1 from identity.users, platform.events, advocacy.cases", "advocacy"));
    }

    [Fact]
    public void A_module_names_no_other_but_by_its_contracts()
    {
        var trespasses = from module in Sources.Modules
                         from file in Sources.Of(module)
                         from named in Named(file.Code, Sources.Modules.Where(other => other != module))
                         select $"{file.Name} names {named}";

        Assert.Empty(trespasses);
    }

    [Fact]
    public void The_platform_names_no_module()
    {
        var trespasses = from file in Sources.Of("Platform")
                         from module in Sources.Modules
                         where Regex.IsMatch(
                             file.Code, $@"\bCaraway\.{module}\b|(?<![\w.]){module}\.[A-Z]", RegexOptions.None, TimeSpan.FromSeconds(5))
                         select $"{file.Name} names {module}";

        Assert.Empty(trespasses);
    }

    [Fact]
    public void The_platforms_SQL_names_its_own_schema_only()
    {
        var files = Sources.Of("Platform");
        Assert.Contains(files, file => file.Code.Contains("from platform.events", StringComparison.Ordinal));

        Assert.Empty(
            from file in files
            from Match table in Regex.Matches(
                file.Code, $@"\b(?:from|join|into|update)\s+(?!platform\.)(?:{Schemas})\.", RegexOptions.None, TimeSpan.FromSeconds(5))
            select $"{file.Name} names {table.Value}");
    }

    [Fact]
    public void A_modules_SQL_names_its_own_schema_the_platforms_and_the_user_card()
    {
        var files = Sources.Modules.SelectMany(module => Sources.Of(module).Select(file => (Module: module, File: file))).ToList();
        Assert.Contains(files, f => f.File.Code.Contains("from advocacy.cases", StringComparison.Ordinal));

        Assert.Empty(
            files.SelectMany(f => Tables(f.File.Code, f.Module.ToLowerInvariant()).Select(table => $"{f.File.Name} names {table}")));
    }

    [Fact]
    public void The_platforms_SQL_names_its_own_schema()
    {
        var files = Sources.Of("Platform");
        Assert.Contains(files, file => file.Code.Contains("from platform.idempotency_keys", StringComparison.Ordinal));

        Assert.Empty(files.SelectMany(file => Tables(file.Code, "platform").Select(table => $"{file.Name} names {table}")));
    }

    private static IEnumerable<string> Named(string code, IEnumerable<string> modules) =>
        modules.Where(module => Regex.IsMatch(
            code,
            $@"(?<![\w.])(Caraway\.{module}|{module}(?=\.[A-Z]))(?!\w)(?!\.Contracts\b)",
            RegexOptions.None,
            TimeSpan.FromSeconds(5)));

    private static IEnumerable<string> Tables(string code, string own) =>
        Regex.Matches(code, $@"(?<![\w.])(?<schema>{Schemas})\.(?<table>[a-z_]+)", RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(5))
            .Where(match => match.Groups["schema"].Value != own
                && match.Groups["schema"].Value != "platform"
                && match.Value != "identity.user_card")
            .Select(match => match.Value);
}
