using Caraway.Platform.Hosting;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Microsoft.Extensions.Configuration;

namespace Caraway.Tests.Platform.Hosting;

public sealed class OptionsReaderTests
{
    [Theory]
    [InlineData("Server:Port", "eighty", "PORT must be a whole number.")]
    [InlineData("Server:Port", "", "PORT must be a whole number.")]
    [InlineData("Server:Port", "99999999999", "PORT must be a whole number.")]
    [InlineData("Server:Port", "70000", "PORT must be a number from 0 to 65535.")]
    [InlineData("Server:ServiceName", "", "SERVICE_NAME is required.")]
    [InlineData("Server:MaxBodyBytes", "0", "Server__MaxBodyBytes must be between 1 and 2147483647.")]
    public void A_wrong_value_is_a_sentence_with_the_name_of_the_setting(string key, string value, string sentence)
    {
        var refusal = Assert.Throws<CommandException>(() => OptionsReader.Read<ServerOptions>(Configure(key, value), "Server"));

        Assert.Equal((ExitCode.BadInput, sentence), (refusal.ExitCode, refusal.Message));
    }

    [Theory]
    [InlineData("Pages:DefaultSize", "101", "DEFAULT_PAGE_SIZE must be at most MAX_PAGE_SIZE.")]
    [InlineData("Pages:MaxSize", "501", "MAX_PAGE_SIZE must be between 1 and 500.")]
    public void Sizes_of_pages_fit_each_other(string key, string value, string sentence)
    {
        var refusal = Assert.Throws<CommandException>(() => OptionsReader.Read<PageSizes>(Configure(key, value), "Pages"));

        Assert.Equal(sentence, refusal.Message);
    }

    [Fact]
    public void Good_values_are_read() =>
        Assert.Equal(7, OptionsReader.Read<DatabaseOptions>(Configure("Database:PoolSize", " 7 "), "Database").PoolSize);

    private static IConfiguration Configure(string key, string value) =>
        new ConfigurationBuilder().AddInMemoryCollection([KeyValuePair.Create(key, (string?)value)]).Build();
}
