//! Where the services are.

/// Where tokens are had: `POST`, form `grant_type=client_credentials`.
pub const TOKEN_PATH: &str = "/token";
/// Where citizens are looked up: `POST`; the path is ours.
pub const LOOK_UP_PATH: &str = "/dancu/1.0/traCuuThongTinCongDan";
/// Where the register tells of an enterprise: `GET`, `?msdn=` the tax code.
pub const ENTERPRISE_PATH: &str = "/apiCSDLDKDN/1.0/chiTietDoanhNghiep";
/// Where enterprises are searched by name: `GET`, `?ten=&offset=&limit=`; path and form are ours.
pub const ENTERPRISE_SEARCH_PATH: &str = "/apiCSDLDKDN/1.0/danhSachDoanhNghiep";
/// Where social insurance tells of a number and its household: `POST`.
pub const INSURANCE_HOUSEHOLD_PATH: &str = "/apiBHXH/1.0/getTraCuuTtHgdByMaSoBhxh";
/// Where social insurance tells a person's number: `POST`.
pub const INSURANCE_NUMBER_PATH: &str = "/apiBHXH/1.0/getMaSoBhxhTheoTieuChi";
/// Where dossiers of civil status are registered: `POST`.
pub const CIVIL_STATUS_REGISTER_PATH: &str = "/apiHoTichTuPhap/1.0/dangKyHoTich";
/// Where the state of a dossier of civil status is told: `POST`.
pub const CIVIL_STATUS_STATE_PATH: &str = "/apiHoTichTuPhap/1.0/traTrangThaiHoSo";
/// Where requests for a judicial record are submitted: `POST`.
pub const JUDICIAL_RECORD_SUBMIT_PATH: &str = "/apiLyLichTuPhap/1.0/nhanHoSoDangKy";
/// Where the state of a request for a judicial record is told: `POST`.
pub const JUDICIAL_RECORD_STATE_PATH: &str = "/apiLyLichTuPhap/1.0/traTrangThaiHs";
/// Where shared catalogues are: `GET`, a slash and the catalogue's name behind it.
pub const CATALOGUE_PATH: &str = "/dmdc/1.0/Category";
/// Where the fields of a shared catalogue are told: `GET`, a slash and its name behind it.
pub const CATALOGUE_FIELDS_PATH: &str = "/dmdc/1.0/Metadata";
/// A tool of the simulator: rules of faults. `PUT` a JSON list of
/// [`FaultRule`](super::FaultRule), `GET`, `DELETE`.
pub const FAULTS_PATH: &str = "/sim/faults";
/// A tool of the simulator: how many requests came, by path. `GET`, `DELETE`.
pub const REQUESTS_PATH: &str = "/sim/requests";
