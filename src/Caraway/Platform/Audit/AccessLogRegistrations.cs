using Caraway.Platform.Security;

namespace Caraway.Platform.Audit;

internal static class AccessLogRegistrations
{
    public static void AddAccessLog(this IServiceCollection services)
    {
        services.AddOptions<AccessLogOptions>().BindConfiguration("AccessLog").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<AccessLog>();
        services.AddSingleton<AccessTables>();
        services.AddSingleton<AccessIndexMerger>().AddHostedService(provider => provider.GetRequiredService<AccessIndexMerger>());
        services.AddSingleton<AccessLogWriter>().AddHostedService(provider => provider.GetRequiredService<AccessLogWriter>());
    }

    /// <summary>
    /// Lets the reads of identified callers wait for room in the access log before they query the database. Two kinds of requests do not
    /// wait: a calendar feed, whose address is its own credential, and a write that answers with the changed record.
    /// </summary>
    public static IApplicationBuilder UseAccessLog(this IApplicationBuilder app)
    {
        var accesses = app.ApplicationServices.GetRequiredService<AccessLog>();
        return app.Use(next => context => accesses.HasRoom || !IsRead(context.Request.Method) || context.Features.Get<Caller>() is null
            ? next(context)
            : Wait(context, next));

        async Task Wait(HttpContext context, RequestDelegate next)
        {
            await accesses.WaitForRoom(context.RequestAborted);
            await next(context);
        }
    }

    private static bool IsRead(string method) => HttpMethods.IsGet(method) || HttpMethods.IsHead(method);
}
