using System.Diagnostics;
using Caraway.Platform.Http;

namespace Caraway.Tests.Platform.Http;

public sealed class EmailTests
{
    private static readonly EmailAttribute Email = new();

    public static TheoryData<string> Longest => new(
        new string('a', 64) + "@example.com",
        "a@" + new string('b', 63) + ".example.com");

    public static TheoryData<string> TooLong => new(
        new string('a', 65) + "@example.com",
        "a@" + new string('b', 64) + ".example.com",
        "a@" + string.Join('.', Enumerable.Repeat(new string('b', 60), 6)) + ".com");

    [Theory]
    [InlineData("ada@example.com")]
    [InlineData("Ada.Lovelace@Example.COM")]
    [InlineData("ada+desk@mail.example.co.uk")]
    [InlineData("o'neil@example.ie")]
    [InlineData("x@y.io")]
    [InlineData("a_b-c=d@ex-ample.org")]
    [InlineData("1@1a.example")]
    [InlineData("ada@xn--bcher-kva.example")]
    [MemberData(nameof(Longest))]
    public void A_valid_address_is_accepted(string address) => Assert.True(Email.IsValid(address));

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("ada")]
    [InlineData("@example.com")]
    [InlineData("ada@")]
    [InlineData("ada@localhost")]
    [InlineData("ada@example")]
    [InlineData("ada@@example.com")]
    [InlineData("ada@b@example.com")]
    [InlineData(".ada@example.com")]
    [InlineData("ada.@example.com")]
    [InlineData("a..b@example.com")]
    [InlineData("a b@example.com")]
    [InlineData(" ada@example.com")]
    [InlineData("ada@example.com ")]
    [InlineData("ada@example.com\n")]
    [InlineData("ada@example.com\r\nBcc: all@example.com")]
    [InlineData("ada@example..com")]
    [InlineData("ada@.example.com")]
    [InlineData("ada@example.com.")]
    [InlineData("ada@-example.com")]
    [InlineData("ada@example-.com")]
    [InlineData("ada@exa_mple.com")]
    [InlineData("\"a b\"@example.com")]
    [InlineData("ada@[127.0.0.1]")]
    [InlineData("Ada <ada@example.com>")]
    [InlineData("ada@example.com, bob@example.com")]
    [InlineData("ada@example.com(comment)")]
    [MemberData(nameof(TooLong))]
    public void An_invalid_address_is_refused(string address) => Assert.False(Email.IsValid(address));

    [Fact]
    public void Null_is_left_to_other_attributes() => Assert.True(Email.IsValid(null));

    [Fact]
    public void A_long_hostile_text_is_refused_at_once()
    {
        var watch = Stopwatch.StartNew();

        Assert.False(Email.IsValid(string.Concat(Enumerable.Repeat("a.", 50_000)) + "@"));
        Assert.False(Email.IsValid("a@" + string.Concat(Enumerable.Repeat("b-", 150))));
        Assert.False(Email.IsValid(new string('a', 300) + "!@x"));
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(1), $"It took {watch.Elapsed}.");
    }

    [Fact]
    public void Only_the_domain_is_written_in_lower_case() =>
        Assert.Equal("Ada.L@example.com", EmailAttribute.Normalize("Ada.L@EXAMPLE.Com"));
}
