using Caraway.Platform.Http;
using Microsoft.AspNetCore.Http;

namespace Caraway.Tests.Platform.Http;

public sealed class ETagTests
{
    [Fact]
    public void A_tag_is_the_version_and_a_number_for_embedded_lists()
    {
        Assert.Equal("\"v12\"", ETag.Create(12));
        Assert.Equal("\"v12-n345\"", ETag.Create(12, 345));
    }

    [Fact]
    public void A_request_without_If_Match_accepts_every_version() => Assert.Null(ETag.IfMatch(new DefaultHttpContext().Request));

    [Theory]
    [InlineData("*")]
    [InlineData("*, \"v3\"")]
    public void A_star_accepts_every_version(string header) => Assert.Null(IfMatch(header));

    [Theory]
    [InlineData("\"v3\"", new long[] { 3 })]
    [InlineData("\"v3-n8\"", new long[] { 3 })]
    [InlineData("\"v3\", \"v4-n1\"", new long[] { 3, 4 })]
    [InlineData("  \"v3\"  ", new long[] { 3 })]
    [InlineData("\"v9223372036854775807\"", new[] { long.MaxValue })]
    [InlineData("\"other\", \"v3\"", new long[] { 3 })]
    public void If_Match_compares_only_versions(string header, long[] versions) =>
        Assert.Equal(versions, IfMatch(header));

    [Theory]
    [InlineData("W/\"v3\"")]
    [InlineData("\"v\"")]
    [InlineData("\"\"")]
    [InlineData("\"3\"")]
    [InlineData("\"v-3\"")]
    [InlineData("\"v+3\"")]
    [InlineData("\"v 3\"")]
    [InlineData("\"V3\"")]
    [InlineData("\"v3.0\"")]
    [InlineData("\"v9223372036854775808\"")]
    [InlineData("\"v٣\"")]
    [InlineData("v3")]
    [InlineData("\"v3")]
    [InlineData("rubbish")]
    [InlineData("")]
    public void A_weak_or_foreign_tag_matches_nothing(string header) => Assert.Equal([], IfMatch(header)!);

    [Fact]
    public void Several_header_lines_are_one_list() => Assert.Equal([3, 4], IfMatch("\"v3\"", "\"v4\"")!);

    [Theory]
    [InlineData("\"v12-n345\"")]
    [InlineData("W/\"v12-n345\"")]
    [InlineData("\"other\", \"v12-n345\"")]
    [InlineData("*")]
    public void If_None_Match_knows_the_whole_tag(string header) => Assert.True(IsKnown(header));

    [Theory]
    [InlineData("\"v12\"")]
    [InlineData("\"v12-n344\"")]
    [InlineData("\"v13-n345\"")]
    [InlineData("v12-n345")]
    [InlineData("rubbish")]
    [InlineData("")]
    public void If_None_Match_does_not_know_another_tag(string header) => Assert.False(IsKnown(header));

    [Fact]
    public void A_request_without_If_None_Match_knows_no_tag() => Assert.False(ETag.IsKnown(new DefaultHttpContext().Request, "\"v1\""));

    private static long[]? IfMatch(params string[] lines)
    {
        var http = new DefaultHttpContext();
        http.Request.Headers.IfMatch = lines;
        return ETag.IfMatch(http.Request);
    }

    private static bool IsKnown(string header)
    {
        var http = new DefaultHttpContext();
        http.Request.Headers.IfNoneMatch = header;
        return ETag.IsKnown(http.Request, "\"v12-n345\"");
    }
}
