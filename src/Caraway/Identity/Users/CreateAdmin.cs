using Caraway.Identity.Contracts;
using Caraway.Platform.Hosting;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;

namespace Caraway.Identity.Users;

/// <summary><c>caraway admin create</c>, and the administrator that the first start creates in a development database.</summary>
internal static class CreateAdmin
{
    /// <returns>The id of the administrator.</returns>
    /// <exception cref="CommandException">The address, the name or the password is invalid, or the address is taken.</exception>
    public static async Task<long> Run(
        string email, string fullName, string password, Passwords passwords, Database database, DateTime now, CancellationToken cancel)
    {
        if (!new EmailAttribute().IsValid(email))
            throw new CommandException(ExitCode.BadInput, "--email must be an e-mail address such as name@example.com.");
        if (!new TextAttribute(User.NameLength) { SingleLine = true }.IsValid(fullName))
            throw new CommandException(ExitCode.BadInput, "--full-name must have 1 to 255 characters, and no control characters.");
        if (PasswordAttribute.Complaint(password) is { } complaint)
            throw new CommandException(ExitCode.BadInput, complaint);
        var hash = await passwords.Hash(password, cancel);
        var address = EmailAttribute.Normalize(email);
        var user = await database.First<User.Response>(
            RegisterUser.Insert,
            new
            {
                email = address, emailKey = User.EmailKey(address), FullName = fullName, hash, role = Roles.Admin, now,
                caller = "command", requestId = (string?)null, address = (string?)null,
            },
            cancel);
        return user?.Id ?? throw new CommandException(ExitCode.BadInput, "This address is registered already.");
    }
}
