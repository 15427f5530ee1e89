using Caraway.Platform.Http;
using Caraway.Tests.Infrastructure;
using Microsoft.Extensions.Options;

namespace Caraway.Tests.Platform.Http;

public sealed class PageTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private static readonly PageSizes Usual = new();

    [Theory]
    [InlineData(null, 20)]
    [InlineData("", 20)]
    [InlineData("1", 1)]
    [InlineData("100", 100)]
    [InlineData("+7", 7)]
    [InlineData("007", 7)]
    [InlineData("0", 1)]
    [InlineData("-5", 1)]
    [InlineData("101", 100)]
    [InlineData("2147483648", 100)]
    [InlineData("99999999999999999999", 100)]
    [InlineData("-99999999999999999999", 1)]
    public void The_limit_is_clamped_to_1_to_100(string? limit, int rows)
    {
        Assert.Null(Page.Read(limit, null, Usual, out var page));
        Assert.Equal(new Page(rows, long.MaxValue), page);
    }

    [Theory]
    [InlineData(null, long.MaxValue)]
    [InlineData("", long.MaxValue)]
    [InlineData("42", 42L)]
    [InlineData("0", 0L)]
    [InlineData("-1", -1L)]
    [InlineData("9223372036854775807", long.MaxValue)]
    [InlineData("9223372036854775808", long.MaxValue)]
    [InlineData("-9223372036854775809", long.MinValue)]
    public void A_cursor_is_an_id_and_saturates(string? cursor, long before)
    {
        Assert.Null(Page.Read(null, cursor, Usual, out var page));
        Assert.Equal(before, page.Before);
    }

    [Theory]
    [InlineData("x")]
    [InlineData("1.5")]
    [InlineData("1e2")]
    [InlineData("0x10")]
    [InlineData("1,2")]
    [InlineData(" 1")]
    [InlineData(" ")]
    [InlineData("-")]
    [InlineData("+")]
    [InlineData("--1")]
    [InlineData("٣")]
    [InlineData("１")]
    [InlineData("NaN")]
    public void Text_that_is_not_a_whole_number_is_refused_and_not_repeated(string text)
    {
        var limit = Page.Read(text, null, Usual, out _);
        var cursor = Page.Read(null, text, Usual, out _);

        Assert.Equal((422, "invalid", "#/limit", "query"), Facts(limit!));
        Assert.Equal((422, "invalid", "#/cursor", "query"), Facts(cursor!));
        Assert.Equal("The limit must be a whole number.", limit!.Detail);
    }

    [Theory]
    [InlineData(null, 100)]
    [InlineData("", 100)]
    [InlineData("1", 1)]
    [InlineData("101", 101)]
    [InlineData("500", 500)]
    [InlineData("501", 500)]
    public void A_list_can_have_sizes_of_its_own(string? limit, int rows)
    {
        Assert.Null(Page.Read(limit, null, new PageSizes { DefaultSize = 100, MaxSize = 500 }, out var page));
        Assert.Null(TimePage.Read(limit, null, new PageSizes { DefaultSize = 100, MaxSize = 500 }, out var timePage));

        Assert.Equal((rows, rows), (page.Limit, timePage.Limit));
        Assert.Equal($" limit {rows + 1}", page.Take);
        Assert.Equal(page.Take, timePage.Take);
    }

    [Fact]
    public void A_page_keeps_its_rows_and_names_the_next_one_only_when_there_is_one()
    {
        var page = new Page(2, long.MaxValue);
        List<long> more = [9, 8, 7];
        List<long> last = [9, 8];

        Assert.Equal(8, page.Cut(more, id => id));
        Assert.Null(page.Cut(last, id => id));
        Assert.Equal([9L, 8L], more);
        Assert.Equal([9L, 8L], last);
        Assert.Null(page.Cut([], (long id) => id));
    }

    [Fact]
    public async Task The_settings_of_pages_reach_the_lists()
    {
        await using var own = await OwnCaraway.Start(caraway.Database.Address, ("Pages:DefaultSize", "1"), ("Pages:MaxSize", "2"));
        for (var i = 0; i < 3; i++)
            await caraway.OpenCase();
        async Task<int> Count(string path) =>
            (await CarawayFixture.Send(own.Client, HttpMethod.Get, path, null)).Json.GetProperty("items").GetArrayLength();

        Assert.Equal(1, await Count("/cases"));
        Assert.Equal(2, await Count("/cases?limit=2"));
        Assert.Equal(2, await Count("/cases?limit=100"));
    }

    [Theory]
    [InlineData("0", "100", "DefaultSize")]
    [InlineData("20", "501", "MaxSize")]
    [InlineData("20", "-1", "MaxSize")]
    [InlineData("30", "20", "DefaultSize")]
    public async Task Bad_sizes_stop_the_start(string defaultSize, string maxSize, string named)
    {
        var start = OwnCaraway.Start(caraway.Database.Address, ("Pages:DefaultSize", defaultSize), ("Pages:MaxSize", maxSize));

        var refused = await Assert.ThrowsAsync<OptionsValidationException>(() => start);

        Assert.Contains(named, refused.Message, StringComparison.Ordinal);
    }

    private static (int, string, string, string?) Facts(Refusal refusal)
    {
        var error = Assert.Single(refusal.Errors!);
        return (refusal.Status, refusal.Code, error.Pointer, error.In);
    }
}
