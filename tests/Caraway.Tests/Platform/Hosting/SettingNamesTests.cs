using Caraway.Platform.Hosting;

namespace Caraway.Tests.Platform.Hosting;

public sealed class SettingNamesTests
{
    [Theory]
    [InlineData("DATABSE_URL", "DATABASE_URL")]
    [InlineData("database_uri", "DATABASE_URL")]
    [InlineData("DBHOST", "DB_HOST")]
    [InlineData("API_KEYS", "API_KEY")]
    [InlineData("PORTT", "PORT")]
    [InlineData("ENVIROMENT", "ENVIRONMENT")]
    [InlineData("Jobs__LeaseSecond", "Jobs__LeaseSeconds")]
    [InlineData("Job__LeaseSeconds", "Jobs__LeaseSeconds")]
    public void A_name_that_resembles_a_setting_gets_a_suggestion(string name, string setting) =>
        Assert.Equal([$"{name} is not a setting of Caraway. Did you mean {setting}?"], Find(name));

    [Theory]
    [InlineData("PATH")]
    [InlineData("HOME")]
    [InlineData("LANG")]
    [InlineData("port")]
    [InlineData("DATABASE_URL")]
    [InlineData("OTHER_PROGRAM_SETTING")]
    [InlineData("Jobs__LeaseSeconds")]
    [InlineData("jobs__leaseseconds")]
    [InlineData("Jobs__Queues__documents")]
    [InlineData("CORS_ALLOW_ORIGINS")]
    [InlineData("DEFAULT_PAGE_SIZE")]
    [InlineData("MAX_PAGE_SIZE")]
    [InlineData("PUBLIC_URL")]
    [InlineData("Care__PublicUrl")]
    public void A_known_name_and_an_unrelated_name_do_not_get_a_warning(string name) => Assert.Empty(Find(name));

    [Theory]
    [InlineData("JWT_SECRET_KEY", "signs tokens with ES256 only")]
    [InlineData("jwt_algorithm", "signs tokens with ES256 only")]
    [InlineData("JWT_ACCESS_TOKEN_EXPIRE_MINUTES", "the setting is called ACCESS_TOKEN_EXPIRE_MINUTES")]
    [InlineData("CELERY_BROKER_URL", "needs no broker")]
    [InlineData("ENABLE_EVENT_SUBSCRIBERS", "always records events")]
    public void A_setting_without_effect_gets_the_reason(string name, string reason)
    {
        var sentence = Assert.Single(Find(name));

        Assert.StartsWith($"{name} has no effect: ", sentence, StringComparison.Ordinal);
        Assert.Contains(reason, sentence, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Server:Port", "PORT")]
    [InlineData("Server:CorsOrigins", "CORS_ORIGINS")]
    [InlineData("Jobs:LeaseSeconds", "Jobs__LeaseSeconds")]
    [InlineData("Pages:DefaultSize", "DEFAULT_PAGE_SIZE")]
    public void A_key_has_the_name_that_an_operator_writes(string key, string name) => Assert.Equal(name, SettingNames.NameOf(key));

    [Theory]
    [InlineData("", "", 0)]
    [InlineData("abc", "", 3)]
    [InlineData("kitten", "sitting", 3)]
    [InlineData("PORT", "port", 0)]
    public void The_distance_is_that_of_Levenshtein(string one, string other, int distance) =>
        Assert.Equal(distance, SettingNames.Distance(one, other));

    private static IReadOnlyList<string> Find(string name) =>
        SettingNames.FindMistakes(
            new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase) { [name] = "x" }, ["Jobs:LeaseSeconds", "Jobs:Queues"]);
}
