using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Advocacy;

/// <summary>The e-mail address of <c>POST /intakes</c>.</summary>
public sealed class IntakeEmailTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [Theory]
    [InlineData("ada@example.com", "ada@example.com")]
    [InlineData("Ada.LOVELACE@EXAMPLE.COM", "Ada.LOVELACE@example.com")]
    [InlineData("ada+cases@Mail.Example.Co.UK", "ada+cases@mail.example.co.uk")]
    [InlineData("a@b.io", "a@b.io")]
    [InlineData("1@2.example", "1@2.example")]
    [InlineData("o'brien_x-y@ex-ample.org", "o'brien_x-y@ex-ample.org")]
    [InlineData("ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example")]
    public async Task An_address_is_kept_with_its_domain_in_lower_case(string given, string kept)
    {
        var answer = await caraway.Post("/intakes", Intake(given));

        Assert.Equal(201, answer.Status);
        var read = await caraway.Get(answer.Headers["Location"]);
        Assert.Equal(kept, read.Json.GetProperty("applicant").GetProperty("email").GetString());
    }

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("ada")]
    [InlineData("ada@")]
    [InlineData("@example.com")]
    [InlineData("ada@example")]
    [InlineData("ada@localhost")]
    [InlineData("ada.example.com")]
    [InlineData("ada@@example.com")]
    [InlineData("ada@bob@example.com")]
    [InlineData("ada@example..com")]
    [InlineData("ada@.example.com")]
    [InlineData("ada@example.com.")]
    [InlineData("ada@-example.com")]
    [InlineData("ada@example-.com")]
    [InlineData("ada@exam_ple.com")]
    [InlineData("ada@example.123")]
    [InlineData(".ada@example.com")]
    [InlineData("ada.@example.com")]
    [InlineData("a..da@example.com")]
    [InlineData("a da@example.com")]
    [InlineData("ada@exam ple.com")]
    [InlineData(" ada@example.com")]
    [InlineData("ada@example.com ")]
    [InlineData("ada@example.com\n")]
    [InlineData("\nada@example.com")]
    [InlineData("ada@example.com\r\nBcc: eve@example.com")]
    [InlineData("ada@example\t.com")]
    [InlineData("Ada <ada@example.com>")]
    [InlineData("<ada@example.com>")]
    [InlineData("ada@example.com,bob@example.com")]
    [InlineData("ada@example.com;bob@example.com")]
    [InlineData("mailto:ada@example.com")]
    [InlineData("ada(comment)@example.com")]
    [InlineData("ada@[127.0.0.1]")]
    [InlineData("ada@127.0.0.1")]
    public async Task A_bad_address_is_refused(string address)
    {
        var answer = await caraway.WritesNothing(() => caraway.Post("/intakes", Intake(address)));

        answer.IsProblem(422, "invalid");
        Assert.Equal(["#/email"], answer.Pointers);
    }

    [Fact]
    public async Task An_address_may_have_320_characters_and_no_more()
    {
        var longest = $"{new string('l', 64)}@{string.Join('.', Enumerable.Repeat(new string('d', 63), 4))}";
        Assert.Equal(320, longest.Length);

        Assert.Equal(201, (await caraway.Post("/intakes", Intake(longest))).Status);
        (await caraway.WritesNothing(() => caraway.Post("/intakes", Intake(longest + "d")))).IsProblem(422, "invalid");
        (await caraway.WritesNothing(() => caraway.Post("/intakes", Intake("l" + longest)))).IsProblem(422, "invalid");
    }

    [Theory]
    [InlineData('a')]
    [InlineData('.')]
    [InlineData('-')]
    [InlineData('@')]
    public async Task A_very_long_text_is_refused_quickly(char letter)
    {
        var answer = await caraway.WritesNothing(() => caraway.Post("/intakes", Intake("a@" + new string(letter, 100_000))));

        answer.IsProblem(422, "invalid");
        Assert.Equal(["#/email"], answer.Pointers);
    }

    private static string Intake(string address) =>
        $$"""{"full_name":"Ada","narrative":"Denied.","email":{{CarawayFixture.Quote(address)}}}""";
}
