mod fault;
mod index;
mod lock;
mod turn;
mod reader;
mod store;
mod intake;
