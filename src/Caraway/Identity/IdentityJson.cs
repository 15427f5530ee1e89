using System.Text.Json.Serialization;
using Caraway.Identity.Keys;
using Caraway.Identity.SignIns;
using Caraway.Identity.Tokens;
using Caraway.Identity.Users;

namespace Caraway.Identity;

/// <summary>Every JSON shape of the module.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(User.Response), TypeInfoPropertyName = "UserResponse")]
[JsonSerializable(typeof(RegisterUser.Request), TypeInfoPropertyName = "RegisterUserRequest")]
[JsonSerializable(typeof(UpdateUser.Request), TypeInfoPropertyName = "UpdateUserRequest")]
[JsonSerializable(typeof(ListUsers.Response), TypeInfoPropertyName = "ListUsersResponse")]
[JsonSerializable(typeof(CreatePasswordReset.Response), TypeInfoPropertyName = "CreatePasswordResetResponse")]
[JsonSerializable(typeof(RedeemPasswordReset.Request), TypeInfoPropertyName = "RedeemPasswordResetRequest")]
[JsonSerializable(typeof(RedeemPasswordReset.Explanation))]
[JsonSerializable(typeof(LinkGateway.Request), TypeInfoPropertyName = "LinkGatewayRequest")]
[JsonSerializable(typeof(LinkGateway.Response), TypeInfoPropertyName = "LinkGatewayResponse")]
[JsonSerializable(typeof(SignIn.Request), TypeInfoPropertyName = "SignInRequest")]
[JsonSerializable(typeof(SignIn.Response), TypeInfoPropertyName = "SignInResponse")]
[JsonSerializable(typeof(RefreshSession.Request), TypeInfoPropertyName = "RefreshSessionRequest")]
[JsonSerializable(typeof(PublishKeys.Response), TypeInfoPropertyName = "PublishKeysResponse")]
internal sealed partial class IdentityJson : JsonSerializerContext;
