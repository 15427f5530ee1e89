using System.Globalization;
using Caraway.Care;
using Caraway.Identity.Users;
using Caraway.Platform.Events;
using Caraway.Platform.Postgres;
using Npgsql;
using NpgsqlTypes;

namespace Caraway.Tests.Infrastructure;

/// <summary>
/// Writes many rows with realistic text past the API, and lets the product's own event handlers make the words. In each kind, twenty rows,
/// far from each other, have the word <see cref="RareWord"/>, and twenty the name <see cref="RareName"/>.
/// </summary>
internal sealed class SearchWorld(NpgsqlDataSource source, int seed = 20_26)
{
    public const string RareWord = "ambergris";

    public const string RareName = "Wilhelmina Featherstone";

    private const int Rare = 20;

    private const int Batch = 5_000;

    private static readonly DateTime Now = new(2026, 11, 1, 0, 0, 0, DateTimeKind.Utc);

    private static readonly string[] Statuses = ["NEW", "IN_REVIEW", "NEEDS_INFO", "SUBMITTED", "APPROVED", "DENIED", "CLOSED", "CLOSED"];

    private readonly RealText text = new(seed);

    /// <summary>Adds cases with a note each fifth, over three years. The newest case has the highest id.</summary>
    public async Task WriteCases(int count)
    {
        await using var connection = await source.OpenConnectionAsync();
        var (first, note) = (await Next(connection, "advocacy.cases"), await Next(connection, "advocacy.notes"));
        await Copy(connection, count, "advocacy.applicants (id, full_name, email, created_at)", async (copy, n) =>
        {
            var name = IsRare(n + 1, count) ? RareName : text.Name();
            await copy.WriteAsync(first + n, NpgsqlDbType.Bigint);
            await copy.WriteAsync(name, NpgsqlDbType.Text);
            await copy.WriteAsync($"applicant{n}@example.org", NpgsqlDbType.Text);
            await copy.WriteAsync(TimeOf(n, count), NpgsqlDbType.TimestampTz);
        });
        await Copy(
            connection, count, "advocacy.cases (id, applicant_id, narrative, current_status, assignee, created_at, updated_at)",
            async (copy, n) =>
            {
                await copy.WriteAsync(first + n, NpgsqlDbType.Bigint);
                await copy.WriteAsync(first + n, NpgsqlDbType.Bigint);
                await copy.WriteAsync(text.Narrative() + (IsRare(n, count) ? $" It is about {RareWord}." : ""), NpgsqlDbType.Text);
                await copy.WriteAsync(text.Pick(Statuses), NpgsqlDbType.Text);
                await copy.WriteAsync($"Desk {text.Next(200)}", NpgsqlDbType.Text);
                await copy.WriteAsync(TimeOf(n, count), NpgsqlDbType.TimestampTz);
                await copy.WriteAsync(TimeOf(n, count), NpgsqlDbType.TimestampTz);
            });
        await Copy(connection, count / 5, "advocacy.notes (id, case_id, author, body, created_at)", async (copy, n) =>
        {
            await copy.WriteAsync(note + n, NpgsqlDbType.Bigint);
            await copy.WriteAsync(first + n * 5, NpgsqlDbType.Bigint);
            await copy.WriteAsync("Ines Soto", NpgsqlDbType.Text);
            await copy.WriteAsync(text.Note(), NpgsqlDbType.Text);
            await copy.WriteAsync(TimeOf(n * 5, count), NpgsqlDbType.TimestampTz);
        });
        await Skip(connection, "advocacy.applicants", first + count);
        await Skip(connection, "advocacy.cases", first + count);
        await Skip(connection, "advocacy.notes", note + count / 5);
        await Without("advocacy.case_words_search", () => Handle(
            new Caraway.Advocacy.IndexCaseWords(),
            Enumerable.Range(0, count).Select(n => New("case.opened", $"advocacy.case:{first + n}", "{}"))
                .Concat(Enumerable.Range(0, count / 5).Select(n => New(
                    "case.note_added", $"advocacy.case:{first + n * 5}",
                    string.Create(CultureInfo.InvariantCulture, $$"""{"note_id":{{note + n}}}"""))))));
    }

    /// <summary>Adds users: one doctor for 200 patients.</summary>
    /// <returns>The id of the first one.</returns>
    public async Task<long> WriteUsers(int count)
    {
        await using var connection = await source.OpenConnectionAsync();
        var first = await Next(connection, "identity.users");
        await Without("identity.users_search", () => Copy(
            connection, count, "identity.users (id, email, email_key, full_name, password_hash, role, created_at, updated_at)",
            async (copy, n) =>
            {
                var name = IsRare(n + 1, count) ? RareName : text.Name();
                var email = string.Create(CultureInfo.InvariantCulture, $"{name.Split(' ')[^1].ToLowerInvariant()}{first + n}@example.org");
                await copy.WriteAsync(first + n, NpgsqlDbType.Bigint);
                await copy.WriteAsync(email, NpgsqlDbType.Text);
                await copy.WriteAsync(email, NpgsqlDbType.Text);
                await copy.WriteAsync(name, NpgsqlDbType.Text);
                await copy.WriteAsync("x", NpgsqlDbType.Text);
                await copy.WriteAsync(n % 200 == 0 ? "doctor" : "patient", NpgsqlDbType.Text);
                await copy.WriteAsync(TimeOf(n, count), NpgsqlDbType.TimestampTz);
                await copy.WriteAsync(TimeOf(n, count), NpgsqlDbType.TimestampTz);
            }));
        await Skip(connection, "identity.users", first + count);
        await Handle(
            new IndexUserWords(), Enumerable.Range(0, count).Select(n => New("user.registered", $"identity.user:{first + n}", "{}")));
        return first;
    }

    /// <summary>Adds appointments of these users (<see cref="WriteUsers"/>), each at another time.</summary>
    public async Task WriteAppointments(int count, long firstUser, int users)
    {
        await using var connection = await source.OpenConnectionAsync();
        var first = await Next(connection, "care.appointments");
        await Copy(
            connection, count,
            "care.appointments (id, patient_id, doctor_id, scheduled_time, ends_at, duration_minutes, reason, status, doctor_given_by, "
            + "created_at, updated_at)",
            async (copy, n) =>
            {
                var time = TimeOf(n, count);
                await copy.WriteAsync(first + n, NpgsqlDbType.Bigint);
                await copy.WriteAsync(firstUser + n % (users / 200) * 200 + 1 + n % 199, NpgsqlDbType.Bigint);
                await copy.WriteAsync(firstUser + n % (users / 200) * 200, NpgsqlDbType.Bigint);
                await copy.WriteAsync(time, NpgsqlDbType.TimestampTz);
                await copy.WriteAsync(time.AddMinutes(5), NpgsqlDbType.TimestampTz);
                await copy.WriteAsync(5, NpgsqlDbType.Integer);
                await copy.WriteAsync(text.Reason() + (IsRare(n, count) ? " and " + RareWord : ""), NpgsqlDbType.Text);
                await copy.WriteAsync("completed", NpgsqlDbType.Text);
                await copy.WriteAsync("user:0", NpgsqlDbType.Text);
                await copy.WriteAsync(time, NpgsqlDbType.TimestampTz);
                await copy.WriteAsync(time, NpgsqlDbType.TimestampTz);
            });
        await Skip(connection, "care.appointments", first + count);
        await Without("care.appointment_words_search", () => Handle(
            new IndexAppointmentWords(),
            Enumerable.Range(0, count).Select(n => New("appointment.created", $"care.appointment:{first + n}", "{}"))));
    }

    /// <summary>
    /// Adds support cases of a thousand owners, users of a gateway, over three years. Each tenth is shared with the next owner.
    /// </summary>
    public async Task WriteSupportCases(int count)
    {
        await using var connection = await source.OpenConnectionAsync();
        var ids = new long[count];
        for (var n = 0; n < count; n++)
            ids[n] = ((long)text.Next(1 << 24) << 24) + n;
        await Without("support.cases_search", () => Copy(
            connection, count,
            "support.cases (id, owner, readers, title, description, status, severity, category, metadata, tags, created_at, updated_at)",
            async (copy, n) =>
            {
                var time = TimeOf(n, count);
                await copy.WriteAsync(ids[n], NpgsqlDbType.Bigint);
                await copy.WriteAsync(OwnerOf(n), NpgsqlDbType.Text);
                await copy.WriteAsync(
                    n % 10 == 0 ? [OwnerOf(n), OwnerOf(n + 1)] : new[] { OwnerOf(n) }, NpgsqlDbType.Array | NpgsqlDbType.Text);
                await copy.WriteAsync(text.Title(), NpgsqlDbType.Text);
                await copy.WriteAsync(text.Description() + (IsRare(n, count) ? $" It is about {RareWord}." : ""), NpgsqlDbType.Text);
                await copy.WriteAsync(
                    text.Pick(["active", "investigating", "resolved", "closed", "closed", "archived"]), NpgsqlDbType.Text);
                await copy.WriteAsync(text.Pick(["low", "medium", "medium", "high", "critical"]), NpgsqlDbType.Text);
                await copy.WriteAsync(
                    text.Pick(["performance", "error", "configuration", "infrastructure", "security", "other"]), NpgsqlDbType.Text);
                await copy.WriteAsync("{}", NpgsqlDbType.Text);
                await copy.WriteAsync(text.TagList(), NpgsqlDbType.Array | NpgsqlDbType.Text);
                await copy.WriteAsync(time, NpgsqlDbType.TimestampTz);
                await copy.WriteAsync(time, NpgsqlDbType.TimestampTz);
            }));
        await Execute($"""
            insert into support.shares (case_id, reader, access, case_created_at, shared_by, shared_at)
            select id, readers[2], 'view', created_at, owner, created_at from support.cases where cardinality(readers) = 2
            on conflict do nothing
            """);
        await Handle(
            new Caraway.Support.IndexCaseWords(),
            ids.Select(id => New("support_case.opened", $"support.case:{Caraway.Support.CaseId.Write(id)}", "{}")));
    }

    public static string OwnerOf(long n) => $"gateway:owner{n % 1_000}";

    /// <summary>Gives the planner what it needs.</summary>
    public async Task Analyze()
    {
        await using var command = source.CreateCommand("vacuum (analyze)");
        command.CommandTimeout = 1_200;
        await command.ExecuteNonQueryAsync();
    }

    private static bool IsRare(long n, int count) => n % (count / Rare) == count / Rare / 2;

    private static DateTime TimeOf(long n, int count) => Now.AddMinutes(-(double)(count - n) * 3 * 365 * 24 * 60 / count);

    private static Event New(string name, string subject, string payload) => new(0, 0, name, subject, Now, "test", payload);

    /// <summary>Calls a handler as the dispatcher does.</summary>
    private async Task Handle(IEventHandler handler, IEnumerable<Event> events)
    {
        // The tables were empty when they were last looked at.
        await Execute("analyze");
        foreach (var batch in events.Chunk(Batch))
        {
            await using var database = new Database(source);
            await handler.Handle(batch, database, default);
        }
    }

    /// <summary>Writes rows while an index is gone: to make it at the end is faster for many rows.</summary>
    private async Task Without(string index, Func<Task> write)
    {
        var definition = await Scalar<string>($"select pg_get_indexdef('{index}'::regclass)");
        await Execute($"drop index {index}");
        await write();
        await Execute($"set maintenance_work_mem = '1GB'; {definition}");
    }

    private static async Task Copy(NpgsqlConnection connection, int count, string columns, Func<NpgsqlBinaryImporter, long, Task> write)
    {
        await using var copy = await connection.BeginBinaryImportAsync($"copy {columns} from stdin (format binary)");
        for (var n = 0L; n < count; n++)
        {
            await copy.StartRowAsync();
            await write(copy, n);
        }

        copy.Timeout = TimeSpan.FromMinutes(20);
        await copy.CompleteAsync();
    }

    private static async Task<long> Next(NpgsqlConnection connection, string table)
    {
        await using var command = new NpgsqlCommand($"select nextval(pg_get_serial_sequence('{table}', 'id'))", connection);
        return (long)(await command.ExecuteScalarAsync())!;
    }

    private static async Task Skip(NpgsqlConnection connection, string table, long next)
    {
        await using var command = new NpgsqlCommand($"select setval(pg_get_serial_sequence('{table}', 'id'), {next})", connection);
        await command.ExecuteScalarAsync();
    }

    private async Task<T> Scalar<T>(string sql)
    {
        await using var command = source.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    private async Task Execute(string sql)
    {
        await using var command = source.CreateCommand(sql);
        command.CommandTimeout = 1_200;
        await command.ExecuteNonQueryAsync();
    }
}
