using Caraway.Platform.Postgres;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Platform.Postgres;

public sealed class StatementTests(PostgresServer postgres) : IAsyncLifetime
{
    private TestDatabase database = null!;

    public async ValueTask InitializeAsync() => database = await postgres.CreateEmpty();

    public ValueTask DisposeAsync() => database.DisposeAsync();

    [Fact]
    public async Task Each_name_becomes_one_position_in_all_places()
    {
        Assert.Equal("select $1 + $2 + $1", Statement.Create("select @a + @b + @a", new { a = 1, b = 2 }, default).Command.CommandText);
        await using var db = new Database(database.Source);
        Assert.Equal(4, await db.First<int>("select @a + @b + @a", new { a = 1, b = 2 }, default));
    }

    [Fact]
    public void Quoted_text_and_operators_stay_unchanged() =>
        Assert.Equal(
            "select 'me@a and ''@b''', $1::text, x @> y, z <@ w, tags @@ q",
            Statement.Create("select 'me@a and ''@b''', @a::text, x @> y, z <@ w, tags @@ q", new { a = "", b = "" }, default)
                .Command.CommandText);

    [Fact]
    public void A_parameter_without_a_property_is_an_error() =>
        Assert.Throws<InvalidOperationException>(() => Statement.Create("select @missing", new { a = 1 }, default));

    [Fact]
    public void Several_statements_keep_their_names() =>
        Assert.Equal("select @a; select @a", Statement.Create("select @a; select @a", new { a = 1 }, default).Command.CommandText);

    [Fact]
    public async Task Nulls_arrays_times_and_bytes_arrive_unchanged()
    {
        await using var db = new Database(database.Source);
        var values = new
        {
            text = (string?)null, number = (long?)null, time = (DateTime?)null,
            now = new DateTime(2026, 1, 31, 8, 15, 30, DateTimeKind.Utc).AddMicroseconds(123456),
            words = new[] { "a", null }, none = (string[]?)null, ids = new long[] { 3, 4 }, bytes = new byte[] { 0, 255 }, yes = true,
        };

        var row = await db.First<string>(
            """
            select concat_ws('|', @text::text is null, @number::bigint is null, @time::timestamptz is null,
                @now = '2026-01-31T08:15:30.123456Z', @words::text[], @none::text[] is null,
                @ids::bigint[], encode(@bytes, 'hex'), @yes)
            """,
            values, default);

        Assert.Equal("t|t|t|t|{a,NULL}|t|{3,4}|00ff|t", row);
    }

    [Fact]
    public async Task The_same_text_with_values_of_other_types_is_another_statement()
    {
        await using var db = new Database(database.Source);

        Assert.Equal("bigint", await db.First<string>("select pg_typeof(@a)::text", new { a = 1L }, default));
        Assert.Equal("text", await db.First<string>("select pg_typeof(@a)::text", new { a = "1" }, default));
    }
}
