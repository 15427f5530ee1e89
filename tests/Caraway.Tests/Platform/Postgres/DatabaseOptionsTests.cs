using Caraway.Identity.Users;
using Caraway.Platform.Hosting;
using Caraway.Platform.Postgres;
using Npgsql;

namespace Caraway.Tests.Platform.Postgres;

public sealed class DatabaseOptionsTests
{
    private const string EmbeddedSentence = "it starts an embedded PostgreSQL of its own.";

    [Fact]
    public void The_embedded_database_is_the_default()
    {
        Assert.Null(new DatabaseOptions().Server());
        Assert.Null(new DatabaseOptions { Url = " ", Host = "" }.Server());
    }

    [Theory]
    [InlineData("postgresql://ada:pw@db.example:6543/cases", "db.example", 6543, "ada", "pw", "cases")]
    [InlineData("postgres://ada:pw@db.example/cases", "db.example", 5432, "ada", "pw", "cases")]
    [InlineData("postgresql+asyncpg://ada:pw@db.example/cases", "db.example", 5432, "ada", "pw", "cases")]
    [InlineData("postgresql+psycopg2://ada:pw@db.example/cases", "db.example", 5432, "ada", "pw", "cases")]
    [InlineData("  postgresql://ada@db.example/cases  ", "db.example", 5432, "ada", null, "cases")]
    [InlineData("postgresql://db.example", "db.example", 5432, "advocacy", null, "advocacy")]
    [InlineData("postgresql:///cases", "localhost", 5432, "advocacy", null, "cases")]
    [InlineData("postgresql://a%40b:p%3A%2F%40%23%25@db.example/my%20cases", "db.example", 5432, "a@b", "p:/@#%", "my cases")]
    [InlineData("postgresql://ada:a+b@db.example/cases", "db.example", 5432, "ada", "a+b", "cases")]
    [InlineData("postgresql://ada:pw@[::1]:6543/cases", "::1", 6543, "ada", "pw", "cases")]
    [InlineData("postgresql://ada:pw@[2001:db8::5]/cases", "2001:db8::5", 5432, "ada", "pw", "cases")]
    [InlineData("postgresql://ada:pw@192.0.2.1:5433/cases", "192.0.2.1", 5433, "ada", "pw", "cases")]
    [InlineData("postgresql://ada@/cases?host=/var/run/postgresql", "/var/run/postgresql", 5432, "ada", null, "cases")]
    [InlineData("postgresql://ada@%2Fvar%2Frun%2Fpostgresql/cases", "/var/run/postgresql", 5432, "ada", null, "cases")]
    [InlineData("Host=db.example;Port=6543;Username=ada;Password=pw;Database=cases", "db.example", 6543, "ada", "pw", "cases")]
    public void A_URL_or_keywords_name_a_server(string url, string host, int port, string user, string? password, string name)
    {
        var server = new DatabaseOptions { Url = url }.Server()!;

        Assert.Equal((host, port, user, password, name), (server.Host, server.Port, server.Username, server.Password, server.Database));
    }

    [Theory]
    [InlineData("disable", SslMode.Disable)]
    [InlineData("require", SslMode.Require)]
    [InlineData("verify-ca", SslMode.VerifyCA)]
    [InlineData("verify-full", SslMode.VerifyFull)]
    public void Sslmode_has_libpqs_words(string word, SslMode mode) =>
        Assert.Equal(mode, new DatabaseOptions { Url = $"postgresql://h/d?sslmode={word}" }.Server()!.SslMode);

    [Fact]
    public void Options_of_the_URL_are_passed_on()
    {
        const string url = "postgresql+asyncpg://h/d?connect_timeout=7&application_name=desk%20one&ssl=require&Keepalive=30";
        var server = new DatabaseOptions { Url = url }.Server()!;

        Assert.Equal((7, "desk one", SslMode.Require, 30), (server.Timeout, server.ApplicationName, server.SslMode, server.KeepAlive));
    }

    [Theory]
    [InlineData("DB.example", "DB.example", 5432)]
    [InlineData("db.example:6543", "db.example", 6543)]
    [InlineData("/var/run/postgresql", "/var/run/postgresql", 5432)]
    [InlineData("::1", "::1", 5432)]
    [InlineData("[::1]:6543", "::1", 6543)]
    public void DB_HOST_names_a_server_or_a_sockets_folder(string host, string expected, int port)
    {
        var server = new DatabaseOptions { Host = host, User = "ada", Password = "p;w='x'" }.Server()!;

        Assert.Equal(
            (expected, port, "ada", "p;w='x'", "advocacy"), (server.Host, server.Port, server.Username, server.Password, server.Database));
    }

    [Fact]
    public void The_URL_is_stronger_than_the_parts_and_takes_from_them_what_it_lacks()
    {
        var options = new DatabaseOptions { Url = "postgresql://one", Host = "two", Name = "cases", User = "ada", Password = "pw" };
        var server = options.Server()!;

        Assert.Equal(("one", "cases", "ada", "pw"), (server.Host, server.Database, server.Username, server.Password));
    }

    [Theory]
    [InlineData("postgresql://h/d", ":memory:")]
    [InlineData("postgresql://h/d", "./cases.db")]
    [InlineData("postgresql://h/d", "cases.DB")]
    [InlineData("postgresql://h/d", "cases.sqlite3")]
    [InlineData("postgresql://h/d", "/data/cases")]
    [InlineData("sqlite:///./cases.db", "advocacy")]
    [InlineData("sqlite+aiosqlite:///:memory:", "advocacy")]
    [InlineData("postgresql://h/:memory:", "advocacy")]
    [InlineData("Host=h;Database=:memory:", "advocacy")]
    public void A_database_in_memory_or_in_a_file_is_refused_and_the_embedded_one_is_named(string? url, string name)
    {
        var refusal = Assert.Throws<CommandException>(() => new DatabaseOptions { Url = url, Name = name }.Server());

        Assert.Equal(ExitCode.BadInput, refusal.ExitCode);
        Assert.EndsWith(EmbeddedSentence, refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(":memory:", true)]
    [InlineData("cases.db", true)]
    [InlineData("advocacy", false)]
    public void A_database_in_a_file_without_a_server_is_the_embedded_one(string name, bool isFile)
    {
        var options = new DatabaseOptions { Name = name };

        Assert.Null(options.Server());
        Assert.Equal(isFile, options.NamesFile);
    }

    [Fact]
    public void The_user_of_a_server_is_advocacy_by_default() =>
        Assert.Equal("advocacy", new DatabaseOptions { Host = "h" }.Server()!.Username);

    [Theory]
    [InlineData("mysql://ada:s3cret@h/d")]
    [InlineData("postgresql://ada:s3cret@h:notaport/d")]
    [InlineData("postgresql://ada:s3cret@h:99999/d")]
    [InlineData("postgresql://ada:s3cret@h/d?sslmode=s3cret")]
    [InlineData("postgresql://ada:s3cret@h/d?connect_timeout=s3cret")]
    [InlineData("postgresql://ada:s3cret@h/d?nonsense=s3cret")]
    [InlineData("Host=h;Password=s3cret;Nonsense=1")]
    [InlineData("Password=s3cret")]
    [InlineData("Host=h;Port=s3cret")]
    [InlineData("s3cret")]
    public void A_URL_without_a_server_is_refused_and_not_repeated(string url)
    {
        var refusal = Assert.Throws<CommandException>(() => new DatabaseOptions { Url = url }.Server());

        Assert.Equal(ExitCode.BadInput, refusal.ExitCode);
        Assert.Contains("DATABASE_URL", refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_impossible_port_in_DB_HOST_is_refused() =>
        Assert.Equal(ExitCode.BadInput, Assert.Throws<CommandException>(() => new DatabaseOptions { Host = "h:99999" }.Server()).ExitCode);

    [Fact]
    public void The_pool_holds_its_size_and_the_overflow()
    {
        var server = new DatabaseOptions { Host = "h", PoolSize = 7, MaxOverflow = 5, CommandTimeoutSeconds = 9 }.Server()!;

        Assert.Equal((12, 9, 100), (server.MaxPoolSize, server.CommandTimeout, server.MaxAutoPrepare));
    }

    [Theory]
    [InlineData("postgresql://h/d?Max%20Auto%20Prepare=0")]
    [InlineData("postgresql://h/d?max_auto_prepare=0")]
    [InlineData("Host=h;Max Auto Prepare=0")]
    [InlineData("Host=h;MaxAutoPrepare=0")]
    public void Preparing_can_be_turned_off_behind_a_pooler(string url) =>
        Assert.Equal(0, new DatabaseOptions { Url = url }.Server()!.MaxAutoPrepare);
}
