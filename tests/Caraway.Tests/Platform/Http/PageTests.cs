using Caraway.Platform.Http;

namespace Caraway.Tests.Platform.Http;

public sealed class PageTests
{
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
        Assert.Null(Page.Read(limit, null, out var page));
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
        Assert.Null(Page.Read(null, cursor, out var page));
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
    public void What_is_no_whole_number_is_refused_and_not_repeated(string text)
    {
        var limit = Page.Read(text, null, out _);
        var cursor = Page.Read(null, text, out _);

        Assert.Equal((422, "invalid", "#/limit", "query"), Facts(limit!));
        Assert.Equal((422, "invalid", "#/cursor", "query"), Facts(cursor!));
        Assert.Equal("The limit must be a whole number.", limit!.Detail);
    }

    private static (int, string, string, string?) Facts(Refusal refusal)
    {
        var error = Assert.Single(refusal.Errors!);
        return (refusal.Status, refusal.Code, error.Pointer, error.In);
    }
}
