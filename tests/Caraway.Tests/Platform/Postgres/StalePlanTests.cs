using Caraway.Tests.Advocacy;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Platform.Postgres;

/// <summary>Requests over connections whose prepared statements a migration made stale.</summary>
public sealed class StalePlanTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [Fact]
    public async Task Requests_succeed_after_a_migration_changed_a_columns_type()
    {
        var id = await caraway.OpenCase();
        string[] paths = ["/cases", $"/cases/{id}", $"/cases/{id}/notes", $"/cases/{id}/documents"];
        for (var i = 0; i < 4; i++)
            await GetAll();

        await caraway.Database.Execute(
            """
            alter table advocacy.cases alter column assignee type varchar(200);
            alter table advocacy.notes alter column author type varchar(300);
            alter table advocacy.documents alter column filename type varchar(300)
            """);

        await GetAll();
        Assert.Equal(200, (await caraway.Patch($"/cases/{id}", """{"assignee":"Zoe"}""")).Status);

        async Task GetAll()
        {
            foreach (var path in paths)
                Assert.Equal((path, 200), (path, (await caraway.Get(path)).Status));
        }
    }
}
