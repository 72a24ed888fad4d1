// The tables: services, orders, and the services of each order.

import { DataTypes, Sequelize } from "sequelize";

export async function connect(url) {
  const sequelize = new Sequelize(url, { logging: false, pool: { max: 10 } });
  const Service = sequelize.define(
    "Service",
    {
      id: { type: DataTypes.BIGINT, primaryKey: true },
      name: { type: DataTypes.STRING(200), allowNull: false, unique: true },
    },
    { timestamps: false },
  );
  const Order = sequelize.define(
    "Order",
    {
      id: { type: DataTypes.STRING(64), primaryKey: true },
      datetime: { type: DataTypes.DATE(3), allowNull: false },
      totalfee: { type: DataTypes.DECIMAL(14, 2), allowNull: false },
      version: { type: DataTypes.INTEGER, allowNull: false },
    },
    { underscored: true, indexes: [{ fields: ["datetime"] }] },
  );
  Order.belongsToMany(Service, { through: "order_services", timestamps: false });
  Service.belongsToMany(Order, { through: "order_services", timestamps: false });
  await sequelize.sync();
  return { sequelize, Service, Order };
}
