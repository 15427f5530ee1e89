using Caraway.Commands;

var root = CommandLine.Create(
    "Caraway: one program for the desks around a patient.",
    ServeCommand.Create(),
    MigrateCommand.Create(),
    ImportCommand.Create(),
    ExportCommand.Create(),
    AdminCommand.Create(),
    ApiKeyCommand.Create(),
    JobsCommand.Create(),
    EventsCommand.Create(),
    AuditCommand.Create(),
    TestCommand.Create(),
    TestCommand.CreateBench());

return await CommandLine.Run(root, args);
