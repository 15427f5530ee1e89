using Caraway.Platform.Hosting;
using Caraway.Tests.Infrastructure;
using Microsoft.Extensions.Configuration;

namespace Caraway.Tests.Platform.Hosting;

public sealed class SettingsTests
{
    [Theory]
    [InlineData("A=1", "1")]
    [InlineData("A = 1", "1")]
    [InlineData("  A=1  ", "1")]
    [InlineData("export A=1", "1")]
    [InlineData("A=", "")]
    [InlineData("A=one two", "one two")]
    [InlineData("A=x=y", "x=y")]
    [InlineData("A=1 # a comment", "1")]
    [InlineData("A=1#2", "1#2")]
    [InlineData("A= # a comment alone", "")]
    [InlineData("A=\"one # two\"", "one # two")]
    [InlineData("A=\"one\" # a comment", "one")]
    [InlineData("A=\"line\\nnext \\\"x\\\" \\\\\"", "line\nnext \"x\" \\")]
    [InlineData("A='as $is \\n'", "as $is \\n")]
    [InlineData("A=\"\"", "")]
    [InlineData("A='it''", "it")]
    [InlineData("A=é", "é")]
    public void A_line_of_dotenv_is_read_in_the_usual_form(string line, string value) => Assert.Equal(value, ReadDotEnv(line)["A"]);

    [Fact]
    public void Comments_and_blank_lines_are_skipped_and_later_lines_win()
    {
        var values = ReadDotEnv("# A=0\n\n  # more\r\nA=1\r\nB=2\nA=3\n");

        Assert.Equal(["A=3", "B=2"], values.Select(v => $"{v.Key}={v.Value}").Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_missing_file_has_no_settings() => Assert.Empty(Settings.ReadDotEnv("/nonexistent/.env"));

    [Theory]
    [InlineData("PASSWORD", "/.env is not NAME=value.")]
    [InlineData("=secret", "/.env is not NAME=value.")]
    [InlineData("A=\"secret", "/.env has a quote that does not end.")]
    [InlineData("A='secret", "/.env has a quote that does not end.")]
    public void A_bad_line_is_reported_by_its_number_without_its_text(string line, string sentence)
    {
        var refusal = Assert.Throws<CommandException>(() => ReadDotEnv("OK=1\n" + line));

        Assert.Equal(ExitCode.BadInput, refusal.ExitCode);
        Assert.StartsWith("Line 2 of /", refusal.Message, StringComparison.Ordinal);
        Assert.EndsWith(sentence, refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("port=81")]
    [InlineData("Port=81")]
    [InlineData("API_PORT=80\nport=81")]
    public void Names_are_read_without_regard_to_case(string text) =>
        Assert.Equal("81", Settings.Translate(ReadDotEnv(text))["Server:Port"]);

    [Theory]
    [InlineData("PORT", "Server:Port")]
    [InlineData("API_PORT", "Server:Port")]
    [InlineData("SERVICE_NAME", "Server:ServiceName")]
    [InlineData("PROJECT_NAME", "Server:ServiceName")]
    [InlineData("CORS_ORIGINS", "Server:CorsOrigins")]
    [InlineData("CORS_ALLOW_ORIGINS", "Server:CorsOrigins")]
    [InlineData("API_KEY", "ApiKey:Key")]
    [InlineData("LOG_LEVEL", "Log:Level")]
    [InlineData("DATABASE_URL", "Database:Url")]
    [InlineData("DB_HOST", "Database:Host")]
    [InlineData("DB_NAME", "Database:Name")]
    [InlineData("DB_USER", "Database:User")]
    [InlineData("DB_PASSWORD", "Database:Password")]
    [InlineData("DB_POOL_SIZE", "Database:PoolSize")]
    [InlineData("DB_MAX_OVERFLOW", "Database:MaxOverflow")]
    [InlineData("CARAWAY_MASTER_KEY", "MasterKey")]
    public void An_earlier_APIs_name_is_an_alias(string alias, string key) => Assert.Equal("x", Translate((alias, "x"))[key]);

    [Theory]
    [InlineData("Server__Port")]
    [InlineData("server__port")]
    [InlineData("SERVER__PORT")]
    public void Two_underscores_separate_the_parts_of_a_key(string name) => Assert.Equal("81", Translate((name, "81"))["Server:Port"]);

    [Fact]
    public void The_stronger_alias_wins_whatever_the_order()
    {
        Assert.Equal("2", Translate(("PORT", "2"), ("API_PORT", "1"), ("Server__Port", "3"))["Server:Port"]);
        Assert.Equal("2", Translate(("Server__Port", "3"), ("API_PORT", "1"), ("PORT", "2"))["Server:Port"]);
    }

    [Fact]
    public void An_empty_alias_has_no_effect() => Assert.Equal("3", Translate(("PORT", ""), ("Server__Port", "3"))["Server:Port"]);

    [Theory]
    [InlineData(null, "Production")]
    [InlineData("prod", "Production")]
    [InlineData("DEV", "Development")]
    [InlineData(" development ", "Development")]
    [InlineData("local", "Development")]
    [InlineData("staging", "Staging")]
    [InlineData("night", "night")]
    public void The_environment_is_spelled_as_AspNetCore_does(string? given, string name) =>
        Assert.Equal(name, Settings.EnvironmentName(Configuration(("ENVIRONMENT", given))));

    [Fact]
    public void ENVIRONMENT_is_stronger_than_the_launchers_default() =>
        Assert.Equal(
            "Production",
            Settings.EnvironmentName(Configuration(("CARAWAY_DEFAULT_ENVIRONMENT", "development"), ("ENVIRONMENT", "production"))));

    private static Dictionary<string, string?> ReadDotEnv(string text)
    {
        var folder = TemporaryFolder.Create();
        try
        {
            var path = Path.Combine(folder.FullName, ".env");
            File.WriteAllText(path, text);
            return Settings.ReadDotEnv(path);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static Dictionary<string, string?> Translate(params (string Name, string Value)[] values) =>
        Settings.Translate(values.ToDictionary(v => v.Name, string? (v) => v.Value, StringComparer.Ordinal));

    private static IConfiguration Configuration(params (string Name, string? Value)[] values) =>
        new ConfigurationBuilder().AddInMemoryCollection(values.ToDictionary(v => v.Name, v => v.Value, StringComparer.Ordinal)).Build();

    [Theory]
    [InlineData("1", "true")]
    [InlineData("Yes", "true")]
    [InlineData("off", "false")]
    [InlineData("False", "False")]
    [InlineData("maybe", "maybe")]
    public void The_switch_for_workers_takes_the_earlier_spellings(string given, string read) =>
        Assert.Equal(read, Translate(("ENABLE_BACKGROUND_WORKERS", given))["Jobs:Enabled"]);
}
