using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Advocacy;

public sealed class SubmitIntakeTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [Fact]
    public async Task An_intake_opens_a_case_in_NEW()
    {
        var answer = await caraway.Post("/intakes", """{"full_name":"Ada","email":"Ada@EXAMPLE.Com","phone":"1","narrative":"Denied.","external_reference":"A-1"}""");

        Assert.Equal(201, answer.Status);
        var id = answer.Json.GetProperty("case_id").GetInt64();
        Assert.Equal($$"""{"case_id":{{id}},"status":"NEW"}""", answer.Body);
        Assert.Equal($"/cases/{id}", answer.Headers["Location"]);
    }
}
