using Caraway.Platform.Events;
using Caraway.Platform.Hosting;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;

namespace Caraway.Identity.Users;

/// <summary><c>caraway admin reset-password</c>: a new password for an account whose owner cannot sign in any more.</summary>
internal static class ResetPassword
{
    /// <summary>
    /// Two statements, as in <see cref="UpdateUser"/>: the second one sees the sign-ins that were committed while the first one waited for
    /// the row of the user, and ends them too.
    /// </summary>
    private const string Update = $"""
        select id from identity.users where email_key = @emailKey for no key update;
        with changed as (
            update identity.users set password_hash = @hash, version = version + 1, updated_at = @now
            where email_key = @emailKey returning id
        ), ended as (
            update identity.sessions s set ended_at = clock_timestamp(), ended_because = 'account changed'
            from changed c where s.user_id = c.id and s.ended_at is null and s.expires_at > @now
            returning s.id
        ), voided as (
            delete from identity.password_resets r using changed c where r.user_id = c.id
        ), logged as (
            {EventSql.InsertWithoutRequest}
            select @now, 'user.password_changed', 'identity.user:' || id, 'command', json_build_object('user_id', id)::text from changed
        )
        select (select count(*) from ended) as ended from changed
        """;

    /// <returns>The number of sign-ins that were ended.</returns>
    /// <exception cref="CommandException">The address is not registered, or the password is refused.</exception>
    public static async Task<long> Run(
        string email, string password, Passwords passwords, Database database, DateTime now, CancellationToken cancel)
    {
        if (!new EmailAttribute().IsValid(email))
            throw new CommandException(ExitCode.BadInput, "EMAIL must be an e-mail address such as name@example.com.");
        if (PasswordAttribute.Complaint(password) is { } complaint)
            throw new CommandException(ExitCode.BadInput, complaint);
        var hash = await passwords.Hash(password, cancel);
        var emailKey = User.EmailKey(EmailAttribute.Normalize(email));
        var ended = await database.Many(
            Update,
            new { emailKey, hash, now },
            async grid =>
            {
                await grid.ReadAsync<long>();
                return await grid.ReadFirstOrDefaultAsync<long?>();
            },
            cancel);
        return ended ?? throw new CommandException(ExitCode.BadInput, "No account has this address.");
    }
}
